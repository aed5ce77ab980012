// SPDX-License-Identifier: BSD-2-Clause
// Running a rewrite program.
// Runs in: worker.
#include "modules/http/rewrite_program.h"

#include <algorithm>
#include <array>

#include "modules/http/files.h"
#include "modules/http/replacement_text.h"
#include "proto/http/complain.h"
#include "proto/http/trace.h"
#include "proto/http/variable_slots.h"
#include "script/assignment.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

constexpr mode_t kOwnerMayExecute = S_IXUSR;

/// What a step leaves behind.
enum class Flow : std::uint8_t {
    On,      ///< the next step
    End,     ///< the program ends
    Failed,  ///< 500
    Refused, ///< 400: the request asks for a path that no location may serve
    Redirect,  ///< the reply's status and Location are set
};

struct Run {
    Exchange& exchange;
    const RewriteProgram& program;
    bool is_uri_changed = false;
    int status = 0;
    std::size_t at = 0;  ///< the step that runs
};

/// Tells what the running step did. Its arguments must cost nothing: most runs have no listener.
template <class... Args>
void tell(const Run& run, fmt::format_string<Args...> format, const Args&... args) {
    if (run.exchange.trace != nullptr) [[unlikely]] {
        http::tell(run.exchange, http::Topic::Rewrite, run.program.places[run.at], format, args...);
    }
}

// ---- if ----

std::string_view with_end(Arena& arena, std::string_view text) {
    return arena.copy(text);  // NUL-terminated
}

bool is_such(const sys::FileInfo& info, FileTest test) {
    switch (test) {
        case FileTest::Plain:
            return info.is_regular();
        case FileTest::Directory:
            return info.is_directory();
        case FileTest::Exists:
            return info.is_regular() || info.is_directory() || S_ISLNK(info.mode);
        case FileTest::Executable:
            return (info.mode & kOwnerMayExecute) != 0;
    }
    return false;
}

// Whether `pattern` matches; then its captures count from here on. A failed match forgets those of
// the one before, as in nginx.
enum class Matched : std::uint8_t { No, Yes, NoMemory, Loading };

Matched is_file(Run& run, std::string_view path, FileTest test) {
    const auto found = look_up(run.exchange, path, Want::Facts, *run.program.policy);
    if (!found) {
        return found.error() == EINPROGRESS ? Matched::Loading : Matched::No;
    }
    const bool is_match = is_such((*found)->info, test);
    tell(run, "{} is {}there", path, is_match ? "" : "not ");
    unpin(*found);
    return is_match ? Matched::Yes : Matched::No;
}

Matched match(Run& run, const script::Pattern& pattern, std::string_view subject) {
    const bool is_match = pattern.regex.match(subject);
    if (run.program.is_logged) {
        http::write_error(run.exchange, log::Level::Notice, "\"{}\" {} \"{}\"",
                          pattern.regex.pattern(), is_match ? "matches" : "does not match",
                          log::Escaped{subject});
    }
    tell(run, "{} \"{}\"", is_match ? "matches" : "does not match", subject);
    if (!is_match) {
        run.exchange.captures = {};
        return Matched::No;
    }
    return keep_captures(run.exchange, pattern, subject) ? Matched::Yes : Matched::NoMemory;
}

// data() == nullptr: no memory. Else "" is no, anything else yes.
Matched holds(Run& run, const Condition& condition) {
    Exchange& exchange = run.exchange;
    const std::string_view left = exchange.render(condition.left);
    if (left.data() == nullptr) {
        return Matched::NoMemory;
    }
    Matched result = Matched::No;
    switch (condition.kind) {
        case Condition::Kind::IsTrue:
            result = !left.empty() && left != "0" ? Matched::Yes : Matched::No;
            break;
        case Condition::Kind::Equals: {
            const std::string_view right = exchange.render(condition.right);
            if (right.data() == nullptr) {
                return Matched::NoMemory;
            }
            result = left == right ? Matched::Yes : Matched::No;
            break;
        }
        case Condition::Kind::Matches:
            result = match(run, *condition.pattern, left);
            break;
        case Condition::Kind::File: {
            const std::string_view path = with_end(exchange.arena, left);
            if (path.data() == nullptr) {
                return Matched::NoMemory;
            }
            result = is_file(run, path, condition.file);
            break;
        }
    }
    if (condition.is_negated && result == Matched::Yes) {
        return Matched::No;
    }
    if (condition.is_negated && result == Matched::No) {
        return Matched::Yes;
    }
    return result;
}

// ---- set ----

Flow assign(Run& run, const script::Assignment& assignment) {
    Exchange& exchange = run.exchange;
    const std::string_view value = exchange.render(assignment.value);
    if (value.data() == nullptr) {
        return Flow::Failed;
    }
    tell(run, "\"{}\"", value);
    return script::assign(assignment, &exchange, value) ? Flow::On : Flow::Failed;
}

// ---- rewrite ----

Flow redirect(Run& run, const Replacement& replacement) {
    const std::string_view location = redirect_text(run.exchange, replacement);
    if (location.data() == nullptr) {
        return Flow::Failed;
    }
    if (run.program.is_logged) {
        http::write_error(run.exchange, log::Level::Notice, "rewritten redirect: \"{}\"",
                          log::Escaped{location});
    }
    tell(run, "{} to \"{}\"", replacement.status, location);
    run.exchange.reply.location = location;
    run.status = replacement.status;
    return Flow::Redirect;
}

Flow change_uri(Run& run, const Replacement& replacement) {
    http::Request& request = run.exchange.request;
    const RewrittenUri uri = rewritten_uri(run.exchange, replacement);
    if (uri.path.data() == nullptr || uri.args.data() == nullptr) {
        return Flow::Failed;
    }
    if (run.program.is_logged) {
        http::write_error(run.exchange, log::Level::Notice, "rewritten data: \"{}\", args: \"{}\"",
                          log::Escaped{uri.path}, log::Escaped{uri.args});
    }
    if (uri.path.empty()) {
        complain(run.exchange, log::Level::Error, "the rewritten URI has a zero length");
        return Flow::Failed;
    }
    // An argument of the request may have become part of the path.
    if (climbs(uri.path)) {
        http::write_error(run.exchange, log::Level::Info, "unsafe URI \"{}\" was detected",
                          log::Escaped{uri.path});
        return Flow::Refused;
    }
    tell(run, "\"{}{}{}\" becomes \"{}{}{}\"{}", request.uri, request.args.empty() ? "" : "?",
         request.args, uri.path, uri.args.empty() ? "" : "?", uri.args,
         replacement.stays_here ? ", which stays in this location"
         : replacement.ends     ? ", and the rules end"
                                : "");
    request.uri = uri.path;
    request.args = uri.args;
    request.has_complex_uri = true;
    request.is_internal = true;
    run.is_uri_changed = !replacement.stays_here;
    run.exchange.is_uri_rewritten |= replacement.stays_here;
    return replacement.ends ? Flow::End : Flow::On;
}

Flow rewrite(Run& run, const Replacement& replacement) {
    switch (match(run, *replacement.pattern, run.exchange.request.uri)) {
        case Matched::No:
            return Flow::On;
        case Matched::NoMemory:
        case Matched::Loading:  // a pattern never waits
            return Flow::Failed;
        case Matched::Yes:
            break;
    }
    return replacement.status != 0 ? redirect(run, replacement) : change_uri(run, replacement);
}

Flow leave(Run& run) {
    run.exchange.is_uri_rewritten |= run.is_uri_changed;
    run.is_uri_changed = false;
    return Flow::End;
}

Verdict conclude(Run& run, Flow flow) {
    Exchange& exchange = run.exchange;
    switch (flow) {
        case Flow::Failed:
            return exchange.finish(500);
        case Flow::Refused:
            return exchange.finish(400);
        case Flow::Redirect:
            return exchange.finish(run.status);
        case Flow::On:
        case Flow::End:
            break;
    }
    // At server level the location search follows anyway.
    return run.is_uri_changed && !run.program.is_server ? exchange.search_again()
                                                        : Verdict::Declined;
}

// ---- waiting ----

/// Where a program stands that waits for a file. Its steps have effects, so that it goes on in its
/// middle when its rule is run again.
struct Paused : http::Holding {
    const RewriteProgram* program = nullptr;  ///< null: it has gone on
    std::size_t at = 0;
    bool is_uri_changed = false;

    static void forget(http::Holding&) noexcept {}
};

Verdict pause(Run& run, std::size_t at) {
    Paused* const paused = run.exchange.arena.make<Paused>();
    if (paused == nullptr) {
        return run.exchange.finish(500);
    }
    paused->release = &Paused::forget;
    paused->program = &run.program;
    paused->at = at;
    paused->is_uri_changed = run.is_uri_changed;
    run.exchange.hold(*paused);
    return kIsLoading;
}

/// The step to begin with.
std::size_t go_on(Run& run) {
    for (http::Holding* held = run.exchange.holdings; held != nullptr; held = held->next) {
        if (held->release != &Paused::forget) {
            continue;
        }
        Paused& paused = static_cast<Paused&>(*held);
        if (paused.program == &run.program) {
            paused.program = nullptr;
            run.is_uri_changed = paused.is_uri_changed;
            return paused.at;
        }
    }
    return 0;
}

}  // namespace

Verdict run_program(Exchange& exchange, const void* settings) {
    const RewriteProgram& program = *static_cast<const RewriteProgram*>(settings);
    Run run{exchange, program};
    Flow flow = Flow::On;
    std::size_t at = exchange.holdings == nullptr ? 0 : go_on(run);
    while (flow == Flow::On && at < program.steps.size()) {
        run.at = at;
        const Step& step = program.steps[at++];
        switch (step.kind) {
            case Step::Kind::Test: {
                const Matched result = holds(run, *static_cast<const Condition*>(step.detail));
                if (result == Matched::Loading) {
                    return pause(run, at - 1);
                }
                tell(run, "{}", result == Matched::Yes ? "holds" : "does not hold");
                at = result == Matched::Yes ? step.yes : step.no;
                flow = result == Matched::NoMemory ? Flow::Failed : Flow::On;
                break;
            }
            case Step::Kind::Enter:
                exchange.location = static_cast<const http::Location*>(step.detail);
                break;
            case Step::Kind::Assign:
                flow = assign(run, *static_cast<const script::Assignment*>(step.detail));
                break;
            case Step::Kind::Rewrite:
                flow = rewrite(run, *static_cast<const Replacement*>(step.detail));
                break;
            case Step::Kind::Break:
                tell(run, "the rules end");
                flow = leave(run);
                break;
            case Step::Kind::Return:
                tell(run, "answers");
                return give(exchange, *static_cast<const Answer*>(step.detail));
        }
    }
    return conclude(run, flow);
}

}  // namespace sluice::modules
