// SPDX-License-Identifier: BSD-2-Clause
// Reading of error_log.
// Runs in: any.
#include "log/error_log_conf.h"

#include <optional>
#include <string>

#include "log/sink_spec.h"

namespace sluice::log {

namespace {

constexpr std::string_view kLevels = "one of emerg, alert, crit, error, warn, notice, info, debug";

/// The sink that the arguments name; the row's default means the path of -e.
std::optional<SinkId> sink_of(conf::Build& build, const conf::Directive& directive) {
    conf::Argument target = directive.args.front();
    if (directive.at.line == 0) {
        target.text = build.arena().copy(build.facts().default_error_log());
    }
    const std::optional<conf::SinkSpec> spec = parse_sink(build, directive, target);
    return spec ? declare_sink(build, directive, *spec) : std::nullopt;
}

bool set_error_log(conf::Build& build, const conf::Directive& directive, ErrorLogConf& out) {
    Level level = Level::Error;
    if (directive.args.size() > 1) {
        const auto named = level_named(directive.args[1].text);
        if (!named) {
            return build.invalid(directive, directive.args[1], std::string(kLevels));
        }
        level = *named;
    }
    const std::optional<SinkId> sink = sink_of(build, directive);
    if (!sink) {
        return false;
    }
    if (!out.destination.value.add({.sink = *sink, .level = level})) {
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
        "Where error lines go, and the least grave level written there: a file, stderr, stdout, "
        "syslog:server=…, \"|command | command\", fifo:/path or mq:/name. May stand several times.")
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
