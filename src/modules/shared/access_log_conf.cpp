// SPDX-License-Identifier: BSD-2-Clause
// Reading of access_log, log_format and open_log_file_cache.
// Runs in: any.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/ascii.h"
#include "log/sink_spec.h"
#include "modules/shared/access_log.h"
#include "proto/stream/module.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

constexpr std::string_view kCombined =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
    "\"$http_referer\" \"$http_user_agent\"";

constexpr conf::ContextMask kLogContexts = conf::kHttp | conf::kServer | conf::kLocation |
                                           conf::kLimitExcept | conf::kServerIf |
                                           conf::kLocationIf;

/// Formats are known from their log_format on, in the whole block of http or stream.
conf::Level& outer_block(conf::Build& build) {
    conf::Level* level = &build.level();
    while ((level->context & (conf::kHttp | conf::kStream)) == 0 && level->parent != nullptr) {
        level = level->parent;
    }
    return *level;
}

const LogFormat* find_format(const AccessLogConf& conf, std::string_view name) {
    const auto at = std::ranges::find(conf.formats, name, &LogFormat::name);
    return at == conf.formats.end() ? nullptr : &*at;
}

// ---- log_format ----

bool add_format(conf::Build& build, const conf::Directive& directive, AccessLogConf& conf) {
    LogFormat format{.name = directive.args[0].text,
                     .escape = LogEscape::Default,
                     .text = {},
                     .fields = {}};
    if (format.name == "combined" || find_format(conf, format.name) != nullptr) {
        return build.error(directive.args[0], "duplicate \"log_format\" name \"" +
                                                  std::string(format.name) + "\"");
    }
    if (directive.has_block) {
        if (directive.args.size() != 2 || directive.args[1].text != "json") {
            return build.error(directive, "\"log_format\" has a block", "log_format NAME json { … }");
        }
        format.escape = LogEscape::Json;
        format.fields = compile_json(build, directive, script::variables_of(build));
        conf.formats.push_back(format);
        return format.is_json();
    }
    std::size_t first = 1;
    if (directive.args[1].text.starts_with("escape=")) {
        const std::string_view how = directive.args[1].text.substr(7);
        if (how != "default" && how != "json" && how != "none") {
            return build.error(directive.args[1], "unknown log format escaping \"" +
                                                      std::string(how) + "\"",
                               "escape=default, escape=json or escape=none");
        }
        format.escape = how == "json"   ? LogEscape::Json
                        : how == "none" ? LogEscape::None
                                        : LogEscape::Default;
        first = 2;
    }
    std::string text;
    for (const conf::Argument& argument : directive.args.subspan(first)) {
        text += argument.text;
    }
    // An empty text is a format, too: empty lines.
    conf::Argument whole = directive.args.back();
    whole.text = text;
    if (!script::compile_argument(build, whole, script::variables_of(build), format.text)) {
        return false;
    }
    conf.formats.push_back(format);
    return true;
}

// ---- access_log ----

bool set_format(conf::Build& build, const conf::Argument& argument, AccessLog& log) {
    const std::string_view name = argument.text;
    if (const LogFormat* const format = find_format(outer_block(build).conf<AccessLogConf>(), name); format != nullptr) {
        log.format = *format;
        return true;
    }
    if (name != "combined" || outer_block(build).context == conf::kStream) {
        return build.error(argument, "unknown log format \"" + std::string(name) + "\"",
                           "a log_format that stands before this line");
    }
    conf::Argument combined = argument;
    combined.text = kCombined;
    log.format.name = "combined";
    return script::compile_argument(build, combined, script::variables_of(build), log.format.text);
}

bool set_option(conf::Build& build,
                const conf::Argument& option,
                AccessLog& log,
                conf::SinkSpec& spec) {
    if (option.text.starts_with("if=")) {
        conf::Argument condition = option;
        condition.text = option.text.substr(3);
        log.has_condition = true;
        return script::compile_argument(build, condition, script::variables_of(build), log.condition);
    }
    switch (log::read_sink_option(build, option, spec)) {
        case log::SinkOption::Taken:
            return true;
        case log::SinkOption::Refused:
            return false;
        case log::SinkOption::NotOne:
            break;
    }
    return build.error(option, "invalid parameter \"" + std::string(option.text) + "\"",
                       "if=condition, buffer=size, flush=time or gzip[=level]");
}

/// A path with variables.
bool set_path(conf::Build& build, const conf::Argument& target, AccessLog& log) {
    conf::Argument path = target;
    path.text = build.absolute_path(target.text);
    const std::string_view before = path.text.substr(0, path.text.find('$'));
    log.fixed_path = before.rfind('/') + 1;
    return script::compile_argument(build, path, script::variables_of(build), log.path);
}

/// Targets that are no paths; a `$` in them is not a variable's.
bool is_scheme(std::string_view target) {
    return target.starts_with("syslog:") || target.starts_with('|') ||
           target.starts_with("fifo:") || target.starts_with("mq:");
}

/// The options behind target and format, and what they mean together.
bool finish_log(conf::Build& build,
                const conf::Directive& directive,
                std::span<const conf::Argument> options,
                AccessLog& log) {
    const conf::Argument& target = directive.args[0];
    const bool has_variables = target.text.find('$') != std::string_view::npos &&
                               !is_scheme(target.text);
    std::optional<conf::SinkSpec> spec;
    if (has_variables) {
        spec.emplace();
    } else {
        spec = log::parse_sink(build, directive, target);
    }
    bool is_good = spec.has_value();
    for (const conf::Argument& option : options) {
        is_good = is_good && set_option(build, option, log, *spec);
    }
    if (!is_good) {
        return false;
    }
    if (has_variables) {
        if (spec->buffering != conf::SinkBuffering{}) {
            return build.error(directive, "buffered logs cannot have variables in name");
        }
        return set_path(build, target, log);
    }
    const std::optional<SinkId> sink = log::declare_sink(build, directive, *spec);
    log.sink = sink.value_or(SinkId{});
    return sink.has_value();
}

bool add_log(conf::Build& build, const conf::Directive& directive, AccessLogConf& conf) {
    AccessLogs& out = conf.logs.value;
    if (!conf.logs.is_set) {
        out = {};
    }
    if (directive.args[0].text == "off") {
        out.is_off = true;
        return directive.args.size() == 1 ||
               build.invalid(directive, directive.args[1], "nothing behind off");
    }
    AccessLog log;
    const bool has_format =
        directive.args.size() > 1 && directive.args[1].text.find('=') == std::string_view::npos &&
        directive.args[1].text != "gzip";
    if (!has_format && outer_block(build).context == conf::kStream) {
        return build.error(directive, "log format is not specified",
                           "access_log TARGET FORMAT: requests of http have a form by default, "
                           "sessions do not");
    }
    conf::Argument format = directive.args[has_format ? 1 : 0];
    format.text = has_format ? format.text : "combined";
    const bool has_good_format = set_format(build, format, log);
    if (!finish_log(build, directive, directive.args.subspan(has_format ? 2 : 1), log) ||
        !has_good_format) {
        return false;
    }
    const auto logs = build.arena().make_span<AccessLog>(out.logs.size() + 1);
    std::ranges::copy(out.logs, logs.begin());
    logs.back() = log;
    out.logs = logs;
    return true;
}

// ---- open_log_file_cache ----

bool read_cache_option(std::string_view text, conf::LogFileCache& cache) {
    const auto value = [text](std::string_view name) {
        return text.starts_with(name) ? text.substr(name.size()) : std::string_view{};
    };
    if (const auto max = parse_decimal(value("max=")); max && *max > 0) {
        cache.max = *max;
        return true;
    }
    if (const auto time = conf::parse_time(value("inactive=")); time && time->count() > 0) {
        cache.inactive = *time;
        return true;
    }
    if (const auto uses = parse_decimal(value("min_uses=")); uses && *uses > 0) {
        cache.min_uses = *uses;
        return true;
    }
    if (const auto time = conf::parse_time(value("valid=")); time && time->count() > 0) {
        cache.valid = *time;
        return true;
    }
    return false;
}

bool set_file_cache(conf::Build& build, const conf::Directive& directive, AccessLogConf& conf) {
    conf::LogFileCache cache;
    if (directive.args.size() == 1 && directive.args[0].text == "off") {
        conf.file_cache.value = cache;
        return true;
    }
    for (const conf::Argument& option : directive.args) {
        if (!read_cache_option(option.text, cache)) {
            return build.error(option,
                               "invalid \"open_log_file_cache\" parameter \"" +
                                   std::string(option.text) + "\"",
                               "max=number, inactive=time, min_uses=number, valid=time or off");
        }
    }
    if (cache.max == 0) {
        return build.error(directive, "\"open_log_file_cache\" must have \"max\" parameter");
    }
    conf.file_cache.value = cache;
    return true;
}

/// Lines whose path has variables go to one sink for each setting of the cache; their records say
/// which file. Known only when every level has inherited its cache.
template <conf::ContextMask kContexts>
void declare_path_sinks(conf::Build& build, void*) {
    for (const auto& level : build.generation().levels()) {
        if ((level->context & kContexts) == 0) {
            continue;
        }
        AccessLogConf& conf = level->conf<AccessLogConf>();
        const auto has_path = [](const AccessLog& log) { return log.has_path(); };
        if (std::ranges::none_of(conf.logs->logs, has_path)) {
            continue;
        }
        const conf::LogFileCache& cache = *conf.file_cache;
        conf::SinkSpec spec;
        spec.kind = conf::SinkKind::Paths;
        spec.target = build.arena().copy(
            fmt::format("variable paths, max={} inactive={} min_uses={} valid={}", cache.max,
                        cache.inactive.count(), cache.min_uses, cache.valid.count()));
        spec.at = conf.logs.at;
        spec.file_cache = cache;
        conf.path_sink = build.declare_sink(spec).id;
    }
}

/// nginx logs to logs/access.log wherever nothing is said. Under `compat nginx;` so do we, and open
/// that file only where a server needs it.
void add_default_log(conf::Build& build, conf::Level& http) {
    AccessLogConf& conf = http.conf<AccessLogConf>();
    if (!build.is_compat() || conf.logs.is_set) {
        return;
    }
    const auto is_unset = [](const conf::Level& server) {
        return !server.conf<AccessLogConf>().logs.is_set;
    };
    for (std::size_t i = 0;; ++i) {
        const conf::Level* const server = build.generation().find_level(conf::kServer, i);
        if (server == nullptr) {
            return;
        }
        if (is_unset(*server)) {
            break;
        }
    }
    static constexpr conf::Argument kDefault[] = {{.text = "logs/access.log"}};
    const conf::Directive directive{.name = "access_log", .args = kDefault};
    conf.logs.is_set = add_log(build, directive, conf);
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row_fn<AccessLogConf, &add_format>("log_format", conf::kHttp | conf::kStream, conf::take_at_least(2),
        "A named form of access log lines: a text, with escape=default, json or none; or `json` and a "
        "block of keys, `key $variable [string|number|boolean] [optional];`, which may be nested: an "
        "object a line, numbers bare, what is empty null, or left out where optional.")
        .repeats().may_have_block(),
    conf::row_fn<&AccessLogConf::logs, &add_log>("access_log", conf::kAnyHttp | conf::kLocationIf | conf::kLimitExcept | stream::kAnyStream, conf::take_at_least(1),
        "Where requests, or sessions, are logged, with a format (which stream needs) and if=condition, buffer=size, flush=time, "
        "gzip[=level]; or off. A file, whose path may have variables, or another target as of "
        "error_log. Without any: nowhere; with `compat nginx;` logs/access.log.").repeats(),
    conf::row_fn<&AccessLogConf::file_cache, &set_file_cache>("open_log_file_cache", conf::kAnyHttp | stream::kAnyStream, conf::take_range(1, 4),
        "How many files of access logs with variables in their path stay open: max=number, "
        "inactive=time (10s), min_uses=number (1), valid=time (60s); or off.").defaults("off"),
};
// clang-format on
}  // namespace

constexpr conf::ConfKind kAccessLogKind = conf::kind<AccessLogConf>("access_log", kRows);

void complete_http_logs(conf::Build& build, conf::Level& http) {
    add_default_log(build, http);
    build.on_frozen(&declare_path_sinks<kLogContexts>, nullptr);
}

void complete_stream_logs(conf::Build& build, conf::Level&) {
    build.on_frozen(&declare_path_sinks<stream::kAnyStream>, nullptr);
}

}  // namespace sluice::modules

