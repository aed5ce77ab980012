// SPDX-License-Identifier: BSD-2-Clause
// Reading of error_log.
// Runs in: any.
#include "log/error_log_conf.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/ascii.h"
#include "log/sink_spec.h"

namespace sluice::log {

namespace {

constexpr std::size_t kMaxAlerts = 2;
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

/// What stands behind the target.
struct Options {
    Level level = Level::Error;
    bool is_json = false;
};

/// `[level] [format=json]`, in nginx's order.
std::optional<Options> options_of(conf::Build& build, const conf::Directive& directive) {
    Options out;
    for (std::size_t i = 1; i < directive.args.size(); ++i) {
        const conf::Argument& arg = directive.args[i];
        const auto named = i == 1 ? level_named(arg.text) : std::nullopt;
        if (named) {
            out.level = *named;
        } else if (arg.text == "format=json" || arg.text == "format=text") {
            out.is_json = arg.text == "format=json";
        } else {
            build.invalid(directive, arg,
                          i == 1 ? std::string(kLevels) + ", or format=json" : "format=json");
            return std::nullopt;
        }
    }
    return out;
}

/// A target has one format, wherever it is named: its lines come out of one pen.
bool note_format(conf::Build& build, const conf::Directive& directive, SinkFormat format) {
    const conf::Level* level = &build.level();
    while (level->parent != nullptr) {
        level = level->parent;
    }
    auto& formats = level->conf<ErrorLogConf>().formats;
    const auto known = std::ranges::find(formats, format.sink, &SinkFormat::sink);
    if (known == formats.end()) {
        formats.push_back(format);
        return true;
    }
    return known->is_json == format.is_json ||
           build.error(directive,
                       "error_log \"" + std::string(directive.args.front().text) +
                           "\" already defined with conflicting parameters",
                       "the same format= wherever the target stands");
}

bool set_error_log(conf::Build& build, const conf::Directive& directive, ErrorLogConf& out) {
    const std::optional<Options> options = options_of(build, directive);
    const std::optional<SinkId> sink = options ? sink_of(build, directive) : std::nullopt;
    if (!sink) {
        return false;
    }
    // The default names no format: whoever names its file chooses.
    const bool is_default = directive.at.line == 0;
    if (!is_default && !note_format(build, directive, {*sink, options->is_json})) {
        return false;
    }
    constexpr std::size_t kMost = Destination::kMaxTargets - kMaxAlerts;
    if (out.destination.value.targets().size() == kMost) {
        return build.error(directive, "too many \"error_log\" directives",
                           "at most " + std::to_string(kMost) + " at one level");
    }
    static_cast<void>(out.destination.value.add({.sink = *sink, .level = options->level}));
    return true;
}

// ---- log_alert ----

constexpr std::int64_t kMillisPerMinute = 60'000;
/// 6r/m.
constexpr Millis kAlertPause{10'000};

/// `rate=1r/s`, `rate=6r/m`: as the pause between two runs.
std::optional<Millis> pause_of(std::string_view text) {
    const std::size_t unit = text.find("r/");
    const auto count = parse_decimal(text.substr(0, unit));
    const std::string_view per = unit == std::string_view::npos ? "" : text.substr(unit);
    if (!count || *count == 0 || *count > 1000 || (per != "r/s" && per != "r/m")) {
        return std::nullopt;
    }
    const std::int64_t period = per == "r/s" ? 1000 : kMillisPerMinute;
    return Millis(std::max<std::int64_t>(1, period / static_cast<std::int64_t>(*count)));
}

/// Every destination gets the alerts as targets of their own, so a line that error_log does not take
/// is an event, too, and one that two files take is one event.
void add_alerts(conf::Build& build, void* object) {
    constexpr conf::Context kContexts[] = {conf::kMain,        conf::kHttp,     conf::kServer,
                                           conf::kLocation,    conf::kServerIf, conf::kLocationIf,
                                           conf::kLimitExcept};
    const auto& alerts = static_cast<const ErrorLogConf*>(object)->alerts;
    for (const conf::Context context : kContexts) {
        for (std::size_t i = 0;; ++i) {
            const conf::Level* const level = build.generation().find_level(context, i);
            if (level == nullptr) {
                break;
            }
            for (const AlertTarget& alert : alerts) {
                // A full list was refused when it was read; room for alerts is kept there.
                static_cast<void>(level->conf<ErrorLogConf>().destination.value.add(
                    {.sink = alert.sink, .level = alert.level, .is_alert = true}));
            }
        }
    }
}

bool set_alert(conf::Build& build, const conf::Directive& directive, ErrorLogConf& out) {
    const auto level = level_named(directive.args[0].text);
    if (!level) {
        return build.invalid(directive, directive.args[0], std::string(kLevels));
    }
    const auto commands = parse_commands(build, directive.args[1], directive.args[1].text);
    if (!commands) {
        return false;
    }
    if (commands->size() != 1) {
        return build.error(directive.args[1], "\"log_alert\" runs one command, not a pipeline",
                           "a program and its arguments");
    }
    conf::SinkSpec spec;
    spec.at = directive.at;
    spec.kind = conf::SinkKind::Alert;
    spec.commands = *commands;
    spec.alert_pause = kAlertPause;
    if (directive.args.size() > 2) {
        const std::string_view text = directive.args[2].text;
        const auto pause = text.starts_with("rate=") ? pause_of(text.substr(5)) : std::nullopt;
        if (!pause) {
            return build.invalid(directive, directive.args[2], "rate=6r/m, rate=1r/s and the like");
        }
        spec.alert_pause = *pause;
    }
    if (out.alerts.size() == kMaxAlerts) {
        return build.error(directive, "too many \"log_alert\" directives",
                           "at most " + std::to_string(kMaxAlerts));
    }
    spec.target = build.arena().copy("alert:" + std::string(directive.args[0].text) + ":" +
                                     std::string(directive.args[1].text));
    out.alerts.push_back({.sink = build.declare_sink(spec).id, .level = *level});
    if (out.alerts.size() == 1) {
        build.on_frozen(&add_alerts, &out);
    }
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&ErrorLogConf::destination, &set_error_log>(
        "error_log",
        conf::kMain | conf::kAnyHttp,
        conf::take_range(1, 3),
        "Where error lines go, and the least grave level written there: a file, stderr, stdout, "
        "syslog:server=…, \"|command | command\", fifo:/path or mq:/name; format=json writes one JSON "
        "object a line. May stand several times.")
        .repeats()
        .defaults("logs/error.log error"),
    conf::row_fn<ErrorLogConf, &set_alert>(
        "log_alert",
        conf::kMain,
        conf::take_range(2, 3),
        "A command that is run on error lines of a level or graver ones, the line on its standard "
        "input and in SLUICE_MESSAGE, at most rate= often (6r/m by default).")
        .repeats(),
};

constexpr conf::ConfKind kKind = conf::kind<ErrorLogConf>("error_log", kRows);

}  // namespace

constexpr conf::Module kErrorLogModule{"error_log", &kKind};

const Destination* destination_of(const conf::Level& level) {
    for (std::size_t i = 0; i < level.modules.size(); ++i) {
        if (level.modules[i] == &kErrorLogModule) {
            return &static_cast<const ErrorLogConf*>(level.confs[i])->destination.value;
        }
    }
    return nullptr;
}

const Destination& main_destination(const conf::Generation& generation) {
    return *generation.main_level().conf<ErrorLogConf>().destination;
}

bool writes_json(const conf::Generation& generation, SinkId sink) {
    const auto& formats = generation.main_level().conf<ErrorLogConf>().formats;
    const auto found = std::ranges::find(formats, sink, &SinkFormat::sink);
    return found != formats.end() && found->is_json;
}

}  // namespace sluice::log
