// SPDX-License-Identifier: BSD-2-Clause
// Exchange and its walk through the phases.
// Runs in: worker.
#include <bit>

#include "log/log.h"
#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/error_pages.h"
#include "proto/http/meter.h"
#include "proto/http/exchange.h"
#include "proto/http/range_reply.h"
#include "proto/http/redirect.h"
#include "proto/http/router.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "proto/http/uri.h"
#include "proto/http/variable_slots.h"

namespace sluice::http {

namespace {

constexpr std::uint8_t kMaxRedirects = 10;

constexpr Phase next(Phase phase) {
    return static_cast<Phase>(static_cast<std::uint8_t>(phase) + 1);
}

std::span<const BoundRule> rules_of(const Exchange& exchange, Phase phase) {
    return exchange.location->rules[static_cast<std::size_t>(phase)];
}

// nginx ends the connection with these: what follows the head may not be a request.
bool ends_connection(int status) {
    switch (status) {
        case 400:
        case 413:
        case 414:
        case 494:
        case 500:
        case 501:
        case 505:
            return true;
        default:
            return false;
    }
}

// Patterns on the way down to the location have matched: inner captures replace outer ones.
bool keep_location_captures(Exchange& exchange, const Location& location) {
    if (!location.has_pattern) {
        return true;
    }
    if (location.outer != nullptr && !keep_location_captures(exchange, *location.outer)) {
        return false;
    }
    return location.pattern == nullptr ||
           keep_captures(exchange, *location.pattern, exchange.request.uri);
}

bool is_too_large(const Exchange& exchange) {
    const auto limit = exchange.location->core->client_max_body_size->count;
    const auto length = exchange.request.content_length;
    return limit != 0 && length > 0 && static_cast<std::uint64_t>(length) > limit;
}

// The location search, and what nginx checks as soon as the location is known.
Verdict choose_location(Exchange& exchange) {
    const Location& root = *exchange.server->root;
    exchange.location = &root;
    exchange.is_uri_rewritten = false;
    if (root.children != nullptr) {
        const Location& found = exchange.trace == nullptr
                                    ? find_location(root, exchange.request.uri)
                                    : find_location(root, exchange.request.uri, *exchange.trace);
        exchange.location = &found;
        if (found.has_pattern && !keep_location_captures(exchange, found)) {
            return exchange.finish(500);
        }
    }
    if (const Location& found = *exchange.location;
        found.limited != nullptr &&
        (found.allowed_methods >> static_cast<unsigned>(exchange.request.method) & 1U) == 0) {
        exchange.location = found.limited;
        tell(exchange, Topic::Location, found.limited->at, "{} is not among them",
             exchange.request.method_text);
    }
    if (*exchange.location->core->internal && !exchange.request.is_internal) {
        tell(exchange, Topic::Access, "internal", "404 for what a client asks for");
        return exchange.finish(404);
    }
    if (!exchange.request.is_internal && is_too_large(exchange)) {
        tell(exchange, Topic::Access, "client_max_body_size", "the request's body is larger");
        exchange.body.fail_reading();
        return exchange.finish(413);
    }
    return Verdict::Declined;
}

// Runs the rest of the cursor's phase.
Verdict run_phase(Exchange& exchange) {
    PhaseCursor& cursor = exchange.cursor;
    if (cursor.phase == Phase::Rewrite && !cursor.is_located) {
        cursor.is_located = true;
        const Verdict verdict = choose_location(exchange);
        if (verdict != Verdict::Declined) {
            return verdict;
        }
    }
    const std::span<const BoundRule> rules = rules_of(exchange, cursor.phase);
    while (cursor.rule < rules.size()) {
        const BoundRule& rule = rules[cursor.rule++];
        const Verdict verdict = rule.run(exchange, rule.settings);
        if (verdict != Verdict::Declined) {
            if (verdict == Verdict::Waiting) {
                exchange.waiting_rule = rule;
            }
            return verdict;
        }
    }
    return Verdict::Declined;
}

// Skips phases that nothing is to be done in: most of them, for most requests.
void skip_empty_phases(Exchange& exchange) {
    PhaseCursor& cursor = exchange.cursor;
    unsigned busy = exchange.location->busy_phases;
    if (!cursor.is_located) {
        busy |= 1U << static_cast<unsigned>(Phase::Rewrite);  // the search for the location
    }
    const auto now = static_cast<unsigned>(cursor.phase);
    if (const auto skipped = static_cast<unsigned>(std::countr_zero(busy >> now)); skipped > 0) {
        cursor.phase = static_cast<Phase>(now + skipped);
        cursor.rule = 0;
    }
}

void run_rules(Exchange& exchange, Phase phase) {
    if ((exchange.location->busy_phases >> static_cast<unsigned>(phase) & 1U) == 0) {
        return;
    }
    for (const BoundRule& rule : rules_of(exchange, phase)) {
        static_cast<void>(rule.run(exchange, rule.settings));
    }
}

// A Location made of what a client sent must not start a new line of the head.
void refuse_location(Exchange& exchange) {
    write_error(exchange, log::Level::Info, "redirect to \"{}\" refused: it holds a line break",
                log::Escaped{exchange.reply.location});
    exchange.discard_reply();
    exchange.error_status = 0;
    exchange.reply.closes = true;
    use_builtin_page(exchange, 400);
}

// The reply's head is decided: what holds for every reply, then the Head rules, then ranges of what
// those have left. Gives Decided, or Redirected where error_page answers a range that is not there.
Verdict complete_head(Exchange& exchange) {
    Reply& reply = exchange.reply;
    if (exchange.error_status != 0) {
        reply.status = exchange.error_status;
        reply.reason = {};
        if (reply.status != 200) {
            reply.last_modified = UnixSeconds(-1);  // as nginx: a page's date is not the resource's
        }
    }
    if (!reply.location.empty()) {
        if (reply.location.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
            refuse_location(exchange);
        }
        reply.location = absolute_location(exchange, reply.location);
    }
    run_rules(exchange, Phase::Head);
    if (wants_range(exchange)) [[unlikely]] {
        const Verdict verdict = apply_range(exchange);
        if (verdict == Verdict::Redirected) {
            return verdict;
        }
        if (reply.status != 200 && reply.status != 206) {
            return complete_head(exchange);  // another reply, which accepts no ranges
        }
    }
    const bool has_no_content = reply.status == 204 || reply.status == 304 || reply.status < 200;
    if (exchange.request.method == Method::Head || has_no_content) {
        reply.is_head_only = true;
    }
    return Verdict::Decided;
}

Verdict answer_500(Exchange& exchange) {
    exchange.discard_reply();
    exchange.error_status = 0;
    exchange.reply.closes = true;
    use_builtin_page(exchange, 500);
    return Verdict::Decided;
}

// Runs phases until the reply is decided; false: a rule waits.
bool reach_head(Exchange& exchange) {
    PhaseCursor& cursor = exchange.cursor;
    while (cursor.phase != Phase::Head) {
        skip_empty_phases(exchange);
        Verdict verdict = run_phase(exchange);
        if (verdict == Verdict::Declined && cursor.phase == Phase::Content) {
            verdict = exchange.finish(404);
        }
        switch (verdict) {
            case Verdict::Declined:
                cursor.phase = next(cursor.phase);
                cursor.rule = 0;
                break;
            case Verdict::Decided:
                cursor.phase = Phase::Head;
                break;
            case Verdict::Redirected:  // redirect_to() has set the cursor
                break;
            case Verdict::Waiting:
                return false;
        }
    }
    return true;
}

}  // namespace

bool run_phases(Exchange& exchange) {
    PhaseCursor& cursor = exchange.cursor;
    if (exchange.location == nullptr) {
        exchange.location = exchange.server->root;
    }
    if (exchange.request.uri == "*" && cursor.phase == Phase::ServerRewrite) {
        // RFC 9110 §9.3.7: OPTIONS * asks about the server as a whole.
        exchange.reply.status = 200;
        exchange.reply.length = 0;
        cursor.phase = Phase::Head;
    }
    do {
        if (!reach_head(exchange)) {
            return false;
        }
    } while (complete_head(exchange) != Verdict::Decided);
    return true;
}

Verdict Exchange::read_body(RuleFn then, const void* settings) {
    const bool has_body = request.is_chunked || request.content_length > 0;
    if (body.state() == RequestBody::State::Unasked && has_body) {
        std::optional<std::uint64_t> expected;
        if (!request.is_chunked) {
            expected = static_cast<std::uint64_t>(request.content_length);
        }
        if (const Result<> begun = body.begin(body_plan(*location->core), expected); !begun) {
            body.fail_reading();
            return finish(note_body_trouble(begun.error()));
        }
        body_then = then;
        body_settings = settings;
        wire.want_body(*this);
        return Verdict::Waiting;
    }
    return then(*this, settings);
}

bool Exchange::body_ended(int status) {
    if (status == 0) {
        if (const Result<> kept = body.complete(); !kept) {
            status = note_body_trouble(kept.error());
        }
    }
    if (status != 0) {
        body.fail_reading();
    }
    const Verdict verdict = status != 0 ? finish(status) : body_then(*this, body_settings);
    if (verdict == Verdict::Waiting) {
        waiting_rule = {.run = body_then, .settings = body_settings};
        return false;
    }
    if (verdict == Verdict::Decided) {
        cursor.phase = Phase::Head;
    }
    return run_phases(*this);
}

int Exchange::keep_body(std::string_view bytes) {
    const Result<> kept = body.append(bytes);
    return kept ? 0 : note_body_trouble(kept.error());
}

int Exchange::note_body_trouble(const Error& error) const {
    complain(*this, log::Level::Crit, "a request body cannot be kept: {}",
             log::Failure{error, location->core->client_body_temp_path->directory});
    return 500;
}

void Exchange::tell_no_room(const script::Template& text) const {
    complain(*this, log::Level::Error, "no memory for \"{}\", the request has used {} bytes",
             text.source(), arena.footprint());
}

Verdict Exchange::finish(int status) {
    if (ends_connection(status)) {
        reply.closes = true;
    }
    if (status >= 300) {
        const Verdict verdict = use_error_page(*this, status);
        if (verdict != Verdict::Declined) {
            return verdict;
        }
    }
    const bool closes = reply.closes;
    const std::string_view to = reply.location;
    if (status >= 300) {
        ReplyHeader* const kept = reply.headers;  // WWW-Authenticate, Allow, Retry-After
        ReplyHeader* const last = reply.last_header;
        const std::string_view range = status == 416 ? reply.content_range : std::string_view{};
        discard_reply();
        reply.headers = kept;
        reply.last_header = last;
        reply.content_range = range;
        reply.closes = closes;
        reply.location = to;
        error_status = 0;
        use_builtin_page(*this, status);
        return Verdict::Decided;
    }
    reply.status = static_cast<std::uint16_t>(status);
    if (reply.body == nullptr && reply.memory_body.data() == nullptr) {
        reply.length = 0;
    }
    return Verdict::Decided;
}

Verdict Exchange::redirect_to(std::string_view uri, std::string_view args) {
    if (++redirects > kMaxRedirects) {
        complain(*this, log::Level::Error,
                 "rewrite or internal redirection cycle while internally redirecting to \"{}\"",
                 log::Escaped{uri});
        return answer_500(*this);
    }
    tell(*this, Topic::Redirect, conf::Position{}, "internal redirect to \"{}{}{}\"", uri,
         args.empty() ? "" : "?", args);
    request.uri = uri;
    request.args = args;
    request.has_complex_uri = true;
    request.is_internal = true;
    location = server->root;
    cursor = PhaseCursor{};
    return Verdict::Redirected;
}

Verdict Exchange::search_again() {
    if (++redirects > kMaxRedirects) {
        complain(*this, log::Level::Error,
                 "rewrite or internal redirection cycle while processing \"{}\"",
                 log::Escaped{request.uri});
        return answer_500(*this);
    }
    tell(*this, Topic::Rewrite, conf::Position{}, "a location is searched again");
    location = server->root;
    cursor = PhaseCursor{.phase = Phase::Rewrite, .is_located = false};
    return Verdict::Redirected;
}

Verdict Exchange::redirect_to_named(std::string_view name) {
    if (++redirects > kMaxRedirects) {
        complain(*this, log::Level::Error,
                 "rewrite or internal redirection cycle while redirect to named location \"{}\"",
                 log::Escaped{name});
        return answer_500(*this);
    }
    const Location* const named = find_named(*server->root, name);
    if (named == nullptr) {
        complain(*this, log::Level::Error, "could not find named location \"{}\"",
                 log::Escaped{name});
        return answer_500(*this);
    }
    tell(*this, Topic::Redirect, conf::Position{}, "internal redirect to \"{}\"", name);
    tell(*this, Topic::Location, named->at, "named");
    location = named;
    request.is_internal = true;
    cursor = PhaseCursor{.phase = Phase::Rewrite, .is_located = true};
    return Verdict::Redirected;
}

void Exchange::resume_phases() {
    if (reply.status != 0) {
        cursor.phase = Phase::Head;
    }
    if (run_phases(*this)) {
        wire.reply_ready(*this);
    }
}

void Exchange::retry_rule() {
    // Kept, not found again by its number: it may have changed the location before it waited.
    const BoundRule rule = waiting_rule;
    const Verdict verdict = rule.run(*this, rule.settings);
    if (verdict == Verdict::Waiting) {
        return;
    }
    if (verdict == Verdict::Decided) {
        cursor.phase = Phase::Head;
    }
    if (run_phases(*this)) {
        wire.reply_ready(*this);
    }
}

void Exchange::discard_reply() {
    if (reply.body != nullptr) {
        reply.body->close();
    }
    if (reply.release != nullptr) {
        reply.release(reply.pin);
    }
    reply.clear();
    trailers = {};
}

void Exchange::end() {
    if (location != nullptr) {
        run_rules(*this, Phase::Log);
        if (meter != nullptr) {
            meter->count(*this);
        }
    }
    discard_reply();
    while (holdings != nullptr) {
        Holding& last = *holdings;
        holdings = last.next;
        last.release(last);
    }
    body.reset();
    request = Request{};
    timings = Timings{};
    generation = {};
    port = nullptr;
    server = nullptr;
    location = nullptr;
    captures = {};
    variables = {};
    is_uri_rewritten = false;
    limit_rate = -1;
    redirects = 0;
    is_error_page = false;
    error_status = 0;
    cursor = PhaseCursor{};
    request_id = {};
    trailers = {};
    client = nullptr;
    is_delayed = false;
    access_status = 0;
}

}  // namespace sluice::http
