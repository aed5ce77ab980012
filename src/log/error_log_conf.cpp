// SPDX-License-Identifier: BSD-2-Clause
// Reading of error_log.
// Runs in: any.
#include "log/error_log_conf.h"

#include <string>

namespace sluice::log {

namespace {

constexpr std::string_view kLevels = "one of emerg, alert, crit, error, warn, notice, info, debug";

/// The sink's name: "stderr" or an absolute path; empty: an error was reported.
std::string_view target_of(conf::Build& build, const conf::Directive& directive) {
    const conf::Argument& path = directive.args.front();
    for (const std::string_view kind : {"syslog:", "memory:", "|", "fifo:"}) {
        if (path.text.starts_with(kind)) {
            build.error(path, "error_log to \"" + std::string(kind) + "\" is not supported",
                        "a path or stderr");
            return {};
        }
    }
    if (path.text.empty()) {
        build.invalid(directive, path, "a path or stderr");
        return {};
    }
    return path.text == "stderr" ? path.text : build.absolute_path(path.text);
}

bool set_error_log(conf::Build& build, const conf::Directive& directive, ErrorLogConf& out) {
    std::string_view target;
    if (directive.at.line == 0) {
        // The row's default: -e decides the path.
        target = build.arena().copy(build.facts().default_error_log());
    } else {
        target = target_of(build, directive);
    }
    if (target.empty()) {
        return false;
    }
    Level level = Level::Error;
    if (directive.args.size() > 1) {
        const auto named = level_named(directive.args[1].text);
        if (!named) {
            return build.invalid(directive, directive.args[1], std::string(kLevels));
        }
        level = *named;
    }
    const SinkId sink = build.declare_sink(target, directive.at);
    if (!out.destination.value.add({.sink = sink, .level = level})) {
        return build.error(directive, "too many \"error_log\" directives",
                           "at most " + std::to_string(Destination::kMaxTargets) + " at one level");
    }
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&ErrorLogConf::destination, &set_error_log>(
        "error_log",
        conf::kMain | conf::kAnyHttp,
        conf::take_range(1, 2),
        "Where error lines go, and the least grave level written there. May stand several times.")
        .repeats()
        .defaults("logs/error.log error"),
};

constexpr conf::ConfKind kKind = conf::kind<ErrorLogConf>("error_log", kRows);

}  // namespace

constexpr conf::Module kErrorLogModule{"error_log", &kKind};

const Destination& main_destination(const conf::Generation& generation) {
    return *generation.main_level().conf<ErrorLogConf>().destination;
}

}  // namespace sluice::log
