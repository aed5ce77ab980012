// SPDX-License-Identifier: BSD-2-Clause
// The rule of access_log: one line per request and log, rendered straight into the worker's lane. A
// path with variables is rendered here too and travels with the line; the logger opens the file.
// Runs in: worker.
#include "modules/http/access_log.h"

#include "log/journal.h"
#include "log/log.h"
#include "modules/http/features.h"
#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "shm/lane.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

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

/// One loud line a minute; what each request repeats stays at info.
void refuse_path(const Exchange& exchange, std::string_view path) {
    http::complain(exchange, log::Level::Error,
                   "path of access_log \"{}\" leads elsewhere, the line is dropped",
                   log::Escaped{path});
}

/// Where the line goes; false: nowhere.
bool set_path(Exchange& exchange, const AccessLog& log, log::AccessMeta& meta) {
    meta.path = exchange.render(log.path);
    if (!is_confined(meta.path, log.fixed_path)) {
        refuse_path(exchange, meta.path);
        return false;
    }
    // With an alias to a single file there is no directory to ask for.
    if (!exchange.location->core->file_base->replaces_all) {
        meta.root = http::document_root(exchange);
    }
    return meta.root.size() <= log::kMaxAccessPath;
}

void write_line(Exchange& exchange,
                const AccessLog& log,
                const AccessLogConf& conf,
                log::LaneLog& lanes) {
    // Most lines fit the first reservation; one that does not is rendered again.
    constexpr std::size_t kUsual = 2048;
    log::AccessMeta meta{.status = static_cast<std::uint16_t>(exchange.reply.status),
                         .uri = exchange.request.target,
                         .path = {},
                         .root = {}};
    if (log.has_path() && !set_path(exchange, log, meta)) {
        return;
    }
    for (const std::size_t max : {kUsual, shm::kMaxBodyBytes}) {
        const std::span<char> room = lanes.begin_access(meta, max);
        if (room.empty()) {
            return;  // counted by the lane
        }
        const RenderedLine line =
            render_line(log.format, &exchange, exchange.arena, exchange.captures, room);
        if (!line.is_cut || max == shm::kMaxBodyBytes) {
            const SinkId sink = log.has_path() ? conf.path_sink : log.sink;
            lanes.commit_access(sink, line.size, exchange.timings.wall);
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

Verdict write_lines(Exchange& exchange, const void* settings) {
    const log::Journal* const journal = log::Journal::installed();
    log::LaneLog* const lanes = journal == nullptr ? nullptr : journal->lanes();
    if (lanes == nullptr) {
        return Verdict::Declined;
    }
    const auto& conf = *static_cast<const AccessLogConf*>(settings);
    for (const AccessLog& log : conf.logs->logs) {
        if (log.has_condition) {
            const std::string_view condition = exchange.render(log.condition);
            if (condition.empty() || condition == "0") {
                continue;
            }
        }
        write_line(exchange, log, conf, *lanes);
    }
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const auto& conf = level.conf<AccessLogConf>();
    if (phase != http::Phase::Log || conf.logs->is_off || conf.logs->logs.empty()) {
        return {};
    }
    return {.run = &write_lines, .settings = &conf};
}

constexpr conf::Module kConf{"access_log", &kAccessLogKind};

}  // namespace

constexpr http::Module kAccessLog{
    .name = "access_log",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
    .complete = &complete_access_logs,
};

}  // namespace sluice::modules
