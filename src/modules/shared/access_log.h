// SPDX-License-Identifier: BSD-2-Clause
// AccessLogConf: what access_log, log_format and open_log_file_cache say at one level.
// Runs in: any (settings), worker (read).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "conf/level.h"
#include "conf/module.h"
#include "conf/row.h"
#include "modules/shared/log_line.h"
#include "script/template.h"

namespace sluice::modules {

/// One access_log.
struct AccessLog {
    LogFormat format;
    SinkId sink{};               ///< where the path is constant
    script::Template condition;  ///< if=; logged unless it gives "" or "0"
    bool has_condition = false;
    script::Template path;       ///< absolute; where it has variables, else constant and unused
    std::size_t fixed_path = 0;  ///< bytes of it, up to a '/', that no request can change

    [[nodiscard]] bool has_path() const { return !path.is_constant(); }
};

struct AccessLogs {
    std::span<const AccessLog> logs;
    bool is_off = false;
};

struct AccessLogConf {
    conf::Setting<AccessLogs> logs;
    conf::Setting<conf::LogFileCache> file_cache;
    SinkId path_sink{};              ///< of logs whose path has variables, with this level's cache
    std::vector<LogFormat> formats;  ///< at the level of http or stream only
};

/// Rows of all three directives.
extern const conf::ConfKind kAccessLogKind;

/// Module::complete of http: the default log, and the sinks of paths with variables.
void complete_http_logs(conf::Build& build, conf::Level& http);
/// Module::complete of stream, which has no default log.
void complete_stream_logs(conf::Build& build, conf::Level& stream);

}  // namespace sluice::modules
