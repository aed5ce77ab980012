// SPDX-License-Identifier: BSD-2-Clause
// headers: add_header and expires, applied to a decided reply's head.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <optional>
#include <vector>

#include "base/ascii.h"
#include "modules/http/expires.h"
#include "modules/http/features.h"
#include "proto/http/exchange.h"
#include "proto/http/http_date.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct AddedHeader {
    std::string_view name;
    script::Template value;
    bool is_always = false;
};

struct ExpiresSetting {
    Expires fixed;
    script::Template text;  ///< where it has variables
    bool is_modified = false;
};

struct HeadersConf {
    conf::Setting<std::span<const AddedHeader>> added;
    conf::Setting<ExpiresSetting> expires;
};

// ---- directives ----

bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [kMarks](char c) {
        return is_alpha(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
    });
}

bool set_added(conf::Build& build, const conf::Directive& directive, HeadersConf& headers) {
    std::vector<AddedHeader> added;
    if (headers.added.is_set) {
        added.assign(headers.added->begin(), headers.added->end());
    }
    AddedHeader header{.name = directive.args[0].text, .value = {}, .is_always = false};
    if (!is_token(header.name)) {
        return build.invalid(directive, directive.args[0], "the name of a header field");
    }
    for (const std::string_view own : {"Content-Length", "Transfer-Encoding", "Connection"}) {
        if (equals_ignoring_case(header.name, own)) {
            return build.invalid(directive, directive.args[0], "a field that the server does not decide itself");
        }
    }
    if (directive.args.size() == 3) {
        if (directive.args[2].text != "always") {
            return build.invalid(directive, directive.args[2], "always");
        }
        header.is_always = true;
    }
    if (directive.args[1].text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
        return build.invalid(directive, directive.args[1], "a value of one line");
    }
    if (!script::compile_argument(build, directive.args[1], http::variables_of(build),
                                  header.value)) {
        return false;
    }
    added.push_back(header);
    const auto kept = build.arena().make_span<AddedHeader>(added.size());
    std::copy_n(added.begin(), kept.size(), kept.begin());
    headers.added.value = kept;
    return true;
}

bool set_expires(conf::Build& build, const conf::Directive& directive, HeadersConf& headers) {
    ExpiresSetting out;
    out.is_modified = directive.args.size() == 2;
    if (out.is_modified && directive.args[0].text != "modified") {
        return build.invalid(directive, directive.args[0], "modified");
    }
    const conf::Argument& argument = directive.args.back();
    if (argument.text.find('$') != std::string_view::npos) {
        headers.expires.value = out;
        return script::compile_argument(build, argument, http::variables_of(build),
                                        headers.expires.value.text);
    }
    const std::optional<Expires> fixed = parse_expires(argument.text, out.is_modified);
    if (!fixed) {
        return build.invalid(directive, argument, "a time, epoch, max or off");
    }
    out.fixed = *fixed;
    headers.expires.value = out;
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&HeadersConf::added, &set_added>(
        "add_header", conf::kAnyHttp | conf::kLocationIf, conf::take_range(2, 3),
        "A field for successful replies and redirects, or with always for every reply.")
        .repeats(),
    conf::row_fn<&HeadersConf::expires, &set_expires>(
        "expires", conf::kAnyHttp | conf::kLocationIf, conf::take_range(1, 2),
        "How long caches may keep successful replies: a time, epoch, max or off.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<HeadersConf>("headers", kRows);
constexpr conf::Module kConf{"headers", &kKind};

// ---- rule ----

bool is_good(int status) {
    switch (status) {
        case 200:
        case 201:
        case 204:
        case 206:
        case 301:
        case 302:
        case 303:
        case 304:
        case 307:
        case 308:
            return true;
        default:
            return false;
    }
}

/// Takes the line of field `name` out of lines that were rendered before.
void remove_prepared(Exchange& exchange, std::string_view name) {
    const std::string_view lines = exchange.reply.prepared_lines;
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size() - 1) + 1;
        const std::string_view line = lines.substr(at, end - at);
        if (line.size() > name.size() && line[name.size()] == ':' &&
            equals_ignoring_case(line.substr(0, name.size()), name)) {
            char* const out =
                static_cast<char*>(exchange.arena.allocate(lines.size() - line.size() + 1, 1));
            if (out != nullptr) {
                std::copy(lines.begin() + static_cast<std::ptrdiff_t>(end), lines.end(),
                          std::copy_n(lines.begin(), at, out));
                exchange.reply.prepared_lines = {out, lines.size() - line.size()};
            }
            return;
        }
        at = end;
    }
}

/// nginx sets these two instead of adding to them; an empty value takes them away.
void take_validator_away(Exchange& exchange, std::string_view name) {
    if (equals_ignoring_case(name, "ETag")) {
        exchange.reply.etag = {};
    } else if (equals_ignoring_case(name, "Last-Modified")) {
        exchange.reply.last_modified = UnixSeconds{-1};
    } else {
        return;
    }
    remove_prepared(exchange, name);
}

/// A field that finds no room in the arena is left out: the reply itself is worth more.
void add(Exchange& exchange, std::string_view name, std::string_view value) {
    // A value made of a request's bytes must not start a new line.
    if (value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos) {
        static_cast<void>(exchange.reply.add(exchange.arena, name, value));
    }
}

/// When the reply's file changed; below 0 where that is not known.
UnixSeconds modified_of(const Exchange& exchange) {
    constexpr std::string_view kField = "Last-Modified: ";
    const std::string_view lines = exchange.reply.prepared_lines;
    const std::size_t at = lines.find(kField);
    if (at == std::string_view::npos) {
        return exchange.reply.last_modified;
    }
    const std::string_view date = lines.substr(at + kField.size(), http::kHttpDateSize);
    return http::parse_http_date(date).value_or(UnixSeconds{-1});
}

void add_expiry(Exchange& exchange, const ExpiresSetting& setting) {
    Expires expires = setting.fixed;
    if (!setting.text.is_constant()) {
        expires = parse_expires(exchange.render(setting.text), setting.is_modified).value_or(Expires{});
    }
    if (expires.kind == Expires::Kind::Off) {
        return;
    }
    const UnixSeconds modified =
        setting.is_modified ? modified_of(exchange) : UnixSeconds{-1};
    char* const room = static_cast<char*>(exchange.arena.allocate(kExpiresRoom, 1));
    if (room == nullptr) {
        return;
    }
    const ExpiresFields fields = format_expires(expires, exchange.timings.started_wall, modified,
                                                std::span<char, kExpiresRoom>(room, kExpiresRoom));
    add(exchange, "Expires", fields.expires);
    add(exchange, "Cache-Control", fields.cache_control);
}

Verdict complete(Exchange& exchange, const void* settings) {
    const HeadersConf& headers = *static_cast<const HeadersConf*>(settings);
    const bool is_success = is_good(exchange.reply.status);
    if (is_success) {
        add_expiry(exchange, *headers.expires);
    }
    for (const AddedHeader& header : *headers.added) {
        if (!is_success && !header.is_always) {
            continue;
        }
        const std::string_view value = exchange.render(header.value);
        take_validator_away(exchange, header.name);
        if (!value.empty()) {
            add(exchange, header.name, value);
        }
    }
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    HeadersConf& headers = level.conf<HeadersConf>();
    const bool expires = headers.expires->fixed.kind != Expires::Kind::Off ||
                         !headers.expires->text.is_constant();
    if (phase != http::Phase::Head || (headers.added->empty() && !expires)) {
        return {};
    }
    return {.run = &complete, .settings = &headers};
}

}  // namespace

constexpr http::Module kHeaders{
    .name = "headers",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
