// SPDX-License-Identifier: BSD-2-Clause
// The rule of access_log: one line per request, or session of stream, and log, rendered straight into the worker's lane. A
// path with variables is rendered here too and travels with the line; the logger opens the file.
// Runs in: worker.
#include "modules/shared/access_log.h"

#include "log/journal.h"
#include "log/log.h"
#include "modules/shared/features.h"
#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "proto/stream/error_line.h"
#include "proto/stream/session.h"
#include "shm/lane.h"

namespace sluice::modules {

namespace {

/// Whether a rendered path stays where its log's fixed part is: no `..` behind it. A client that
/// chooses `$arg_name` chooses a name, not a place.
bool is_confined(std::string_view path, std::size_t fixed) {
    if (path.size() < fixed || path.size() > log::kMaxAccessPath ||
        path.find('\0') != std::string_view::npos) {
        return false;
    }
    std::string_view rest = path.substr(fixed);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('/'), rest.size());
        if (rest.substr(0, end) == "..") {
            return false;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return true;
}

/// What a line is about: an exchange or a session.
struct Logged {
    void* subject = nullptr;
    Arena& arena;
    const script::Captures& captures;
    Millis wall;  ///< the line's time
    std::uint16_t status = 0;
    std::string_view uri;  ///< the request's target
    /// The directory without which a log whose path has variables is not written; empty: any.
    std::string_view (*root)(void* subject) = nullptr;
    /// Tells the error log that the line is dropped, as `path` leads elsewhere.
    void (*refuse_path)(const void* subject, std::string_view path) = nullptr;

    [[nodiscard]] std::string_view render(const script::Template& text) const {
        return text.render(subject, arena, captures);
    }
};

constexpr fmt::format_string<log::Escaped> kRefusal =
    "path of access_log \"{}\" leads elsewhere, the line is dropped";

/// Where the line goes; false: nowhere.
bool set_path(const Logged& logged, const AccessLog& log, log::AccessMeta& meta) {
    meta.path = logged.render(log.path);
    if (!is_confined(meta.path, log.fixed_path)) {
        logged.refuse_path(logged.subject, meta.path);
        return false;
    }
    meta.root = logged.root(logged.subject);
    return meta.root.size() <= log::kMaxAccessPath;
}

void write_line(const Logged& logged,
                const AccessLog& log,
                const AccessLogConf& conf,
                log::LaneLog& lanes) {
    // Most lines fit the first reservation; one that does not is rendered again.
    constexpr std::size_t kUsual = 2048;
    log::AccessMeta meta{
        .status = logged.status, .uri = logged.uri, .path = {}, .root = {}};
    if (log.has_path() && !set_path(logged, log, meta)) {
        return;
    }
    for (const std::size_t max : {kUsual, shm::kMaxBodyBytes}) {
        const std::span<char> room = lanes.begin_access(meta, max);
        if (room.empty()) {
            return;  // counted by the lane
        }
        const RenderedLine line =
            render_line(log.format, logged.subject, logged.arena, logged.captures, room);
        if (!line.is_cut || max == shm::kMaxBodyBytes) {
            const SinkId sink = log.has_path() ? conf.path_sink : log.sink;
            lanes.commit_access(sink, line.size, logged.wall);
            if (line.is_cut) {
                lanes.count_cut_access();
            }
            if (log.has_path()) {
                // The connection does not end before the line is written: who moves such a file
                // away then expects its lines in it. A call only where the logger sleeps.
                lanes.note_path_line();
                lanes.flush_wakeups();
            }
            return;
        }
    }
}

void write_lines(const Logged& logged, const AccessLogConf& conf) {
    const log::Journal* const journal = log::Journal::installed();
    log::LaneLog* const lanes = journal == nullptr ? nullptr : journal->lanes();
    if (lanes == nullptr) {
        return;
    }
    for (const AccessLog& log : conf.logs->logs) {
        if (log.has_condition) {
            const std::string_view condition = logged.render(log.condition);
            // What cannot be known is logged: nobody hides by filling the request's memory.
            if (condition.data() != nullptr && (condition.empty() || condition == "0")) {
                continue;
            }
        }
        write_line(logged, log, conf, *lanes);
    }
}

/// The settings of a level that logs; null where it does not.
const AccessLogConf* settings_at(const conf::Level& level) {
    const auto& conf = level.conf<AccessLogConf>();
    return conf.logs->is_off || conf.logs->logs.empty() ? nullptr : &conf;
}

// ---- http ----

// With an alias to a single file there is no directory to ask for.
std::string_view root_of(void* subject) {
    auto& exchange = *static_cast<http::Exchange*>(subject);
    return exchange.location->core->file_base->replaces_all ? std::string_view{}
                                                            : http::document_root(exchange);
}

// One loud line a minute; what each request repeats stays at info.
void refuse_path(const void* subject, std::string_view path) {
    http::complain(*static_cast<const http::Exchange*>(subject), log::Level::Error, kRefusal,
                   log::Escaped{path});
}

http::Verdict log_exchange(http::Exchange& exchange, const void* settings) {
    write_lines({.subject = &exchange,
                 .arena = exchange.arena,
                 .captures = exchange.captures,
                 .wall = exchange.timings.wall,
                 .status = static_cast<std::uint16_t>(exchange.reply.status),
                 .uri = exchange.request.target,
                 .root = &root_of,
                 .refuse_path = &refuse_path},
                *static_cast<const AccessLogConf*>(settings));
    return http::Verdict::Declined;
}

http::BoundRule bind_http(http::Phase phase, conf::Level& level) {
    const AccessLogConf* const conf = settings_at(level);
    if (phase != http::Phase::Log || conf == nullptr) {
        return {};
    }
    return {.run = &log_exchange, .settings = conf};
}

// ---- stream ----

void refuse_session_path(const void* subject, std::string_view path) {
    const auto& session = *static_cast<const stream::Session*>(subject);
    stream::write_error(session, stream::complaint_level(session, log::Level::Error), kRefusal,
                        log::Escaped{path});
}

stream::Verdict log_session(stream::Session& session, const void* settings) {
    write_lines({.subject = &session,
                 .arena = session.arena,
                 .captures = session.captures,
                 .wall = session.timings.wall,
                 .status = session.status,
                 .uri = {},
                 .root = [](void*) { return std::string_view{}; },
                 .refuse_path = &refuse_session_path},
                *static_cast<const AccessLogConf*>(settings));
    return stream::Verdict::Declined;
}

stream::BoundRule bind_stream(stream::Phase phase, conf::Level& level) {
    const AccessLogConf* const conf = settings_at(level);
    if (phase != stream::Phase::Log || conf == nullptr) {
        return {};
    }
    return {.run = &log_session, .settings = conf};
}

constexpr conf::Module kConf{"access_log", &kAccessLogKind};

}  // namespace

constexpr http::Module kAccessLog{
    .name = "access_log",
    .conf = &kConf,
    .bind = &bind_http,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
    .complete = &complete_http_logs,
};

constexpr stream::Module kStreamAccessLog{
    .name = "access_log",
    .conf = &kConf,
    .bind = &bind_stream,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
    .complete = &complete_stream_logs,
};

}  // namespace sluice::modules
