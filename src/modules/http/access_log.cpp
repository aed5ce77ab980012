// SPDX-License-Identifier: BSD-2-Clause
// access_log and log_format: one line per request, rendered straight into the worker's access lane.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "log/journal.h"
#include "modules/http/features.h"
#include "modules/http/log_line.h"
#include "proto/http/exchange.h"
#include "script/template_argument.h"
#include "shm/lane.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

constexpr std::string_view kCombined =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
    "\"$http_referer\" \"$http_user_agent\"";

struct AccessLog {
    LogFormat format;
    SinkId sink{};
    script::Template condition;  ///< if=; logged unless it gives "" or "0"
    bool has_condition = false;
};

struct AccessLogs {
    std::span<const AccessLog> logs;
    bool is_off = false;
};

struct AccessLogConf {
    conf::Setting<AccessLogs> logs;
    std::vector<LogFormat> formats;  ///< at the http level only
};

/// Formats are known from their log_format on, in the whole http block.
AccessLogConf& http_level(conf::Build& build) {
    conf::Level* level = &build.level();
    while (level->context != conf::kHttp && level->parent != nullptr) {
        level = level->parent;
    }
    return level->conf<AccessLogConf>();
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
        format.fields = compile_json(build, directive, http::variables_of(build));
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
    if (text.empty()) {
        return build.error(directive, "\"log_format\" has no text", "the text of a line");
    }
    conf::Argument whole = directive.args[first];
    whole.text = text;
    if (!script::compile_argument(build, whole, http::variables_of(build), format.text)) {
        return false;
    }
    conf.formats.push_back(format);
    return true;
}

// ---- access_log ----

std::string_view sink_target(conf::Build& build, std::string_view path) {
    const bool is_path = !path.starts_with("syslog:") && !path.starts_with('|');
    return is_path ? build.absolute_path(path) : path;
}

bool set_format(conf::Build& build, const conf::Argument& argument, AccessLog& log) {
    const std::string_view name = argument.text;
    if (const LogFormat* const format = find_format(http_level(build), name); format != nullptr) {
        log.format = *format;
        return true;
    }
    if (name != "combined") {
        return build.error(argument, "unknown log format \"" + std::string(name) + "\"",
                           "a log_format that stands before this line");
    }
    conf::Argument combined = argument;
    combined.text = kCombined;
    log.format.name = "combined";
    return script::compile_argument(build, combined, http::variables_of(build), log.format.text);
}

bool set_option(conf::Build& build, const conf::Directive& directive, const conf::Argument& option,
                AccessLog& log) {
    const std::string_view text = option.text;
    if (text.starts_with("if=")) {
        conf::Argument condition = option;
        condition.text = text.substr(3);
        log.has_condition = true;
        return script::compile_argument(build, condition, http::variables_of(build), log.condition);
    }
    // The lanes are the buffer, and the logger empties them at once.
    if (text.starts_with("buffer=") && conf::parse_size(text.substr(7))) {
        return true;
    }
    if (text.starts_with("flush=") && conf::parse_time(text.substr(6))) {
        return true;
    }
    if (text == "gzip" || text.starts_with("gzip=")) {
        return build.error(option, "compressed access logs are not supported in this version");
    }
    return build.invalid(directive, option, "if=condition, buffer=size or flush=time");
}

bool add_log(conf::Build& build, const conf::Directive& directive, AccessLogConf& conf) {
    AccessLogs& out = conf.logs.value;
    if (!conf.logs.is_set) {
        out = {};
    }
    const conf::Argument& target = directive.args[0];
    if (target.text == "off") {
        out.is_off = true;
        return directive.args.size() == 1 ||
               build.invalid(directive, directive.args[1], "nothing behind off");
    }
    if (target.text.find('$') != std::string_view::npos) {
        return build.error(target, "variables in the path of \"access_log\" are not supported in "
                                   "this version");
    }
    AccessLog log;
    const bool has_format =
        directive.args.size() > 1 && directive.args[1].text.find('=') == std::string_view::npos &&
        directive.args[1].text != "gzip";
    conf::Argument format = directive.args[has_format ? 1 : 0];
    format.text = has_format ? format.text : "combined";
    bool is_good = set_format(build, format, log);
    for (const conf::Argument& option : directive.args.subspan(has_format ? 2 : 1)) {
        is_good = set_option(build, directive, option, log) && is_good;
    }
    if (!is_good) {
        return false;
    }
    log.sink = build.declare_sink(sink_target(build, target.text), directive.at);
    const auto logs = build.arena().make_span<AccessLog>(out.logs.size() + 1);
    std::ranges::copy(out.logs, logs.begin());
    logs.back() = log;
    out.logs = logs;
    return true;
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
    conf::row_fn<AccessLogConf, &add_format>("log_format", conf::kHttp, conf::take_at_least(2),
        "A named form of access log lines: a text, with escape=default, json or none; or `json` and a "
        "block of keys, `key $variable [string|number|boolean] [optional];`, which may be nested: an "
        "object a line, numbers bare, what is empty null, or left out where optional.")
        .repeats().may_have_block(),
    conf::row_fn<&AccessLogConf::logs, &add_log>("access_log", conf::kAnyHttp | conf::kLocationIf | conf::kLimitExcept, conf::take_at_least(1),
        "Where requests are logged: a file with a format and conditions, or off. "
        "Without any: nowhere; with `compat nginx;` logs/access.log.").repeats(),
};
// clang-format on
constexpr conf::ConfKind kKind = conf::kind<AccessLogConf>("access_log", kRows);
constexpr conf::Module kConf{"access_log", &kKind};

// ---- rule ----

void write_line(Exchange& exchange, const AccessLog& log, log::LaneLog& lanes) {
    // Most lines fit the first reservation; one that does not is rendered again.
    constexpr std::size_t kUsual = 2048;
    const log::AccessMeta meta{.status = static_cast<std::uint16_t>(exchange.reply.status),
                               .uri = exchange.request.target,
                               .path = {},
                               .root = {}};
    for (const std::size_t max : {kUsual, shm::kMaxBodyBytes}) {
        const std::span<char> room = lanes.begin_access(meta, max);
        if (room.empty()) {
            return;  // counted by the lane
        }
        const RenderedLine line =
            render_line(log.format, &exchange, exchange.arena, exchange.captures, room);
        if (!line.is_cut || max == shm::kMaxBodyBytes) {
            lanes.commit_access(log.sink, line.size, exchange.timings.wall);
            if (line.is_cut) {
                lanes.count_cut_access();
            }
            return;
        }
    }
}

Verdict write_lines(Exchange& exchange, const void* settings) {
    const log::Journal* const journal = log::Journal::installed();
    log::LaneLog* const lanes = journal == nullptr ? nullptr : journal->lanes();
    if (lanes == nullptr) {
        return Verdict::Declined;
    }
    for (const AccessLog& log : static_cast<const AccessLogs*>(settings)->logs) {
        if (log.has_condition) {
            const std::string_view condition = exchange.render(log.condition);
            if (condition.empty() || condition == "0") {
                continue;
            }
        }
        write_line(exchange, log, *lanes);
    }
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const AccessLogs& logs = *level.conf<AccessLogConf>().logs;
    if (phase != http::Phase::Log || logs.is_off || logs.logs.empty()) {
        return {};
    }
    return {.run = &write_lines, .settings = &logs};
}

}  // namespace

constexpr http::Module kAccessLog{
    .name = "access_log",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
    .complete = &add_default_log,
};

}  // namespace sluice::modules
