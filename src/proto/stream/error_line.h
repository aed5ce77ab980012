// SPDX-License-Identifier: BSD-2-Clause
// Error lines about a session: to the error_log of its server, with nginx's context behind them:
// `*7 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1,
// server: 0.0.0.0:53, upstream: "10.0.0.2:53", bytes from/to client:0/0, bytes from/to upstream:0/0`.
// Runs in: worker.
#pragma once

#include <fmt/format.h>

#include "log/log.h"
#include "proto/stream/session.h"

namespace sluice::stream {

/// Where lines about this session go.
[[nodiscard]] const log::Destination& error_log_of(const Session& session);

/// Whether a line of `level` about this session would go anywhere; ask before costly arguments.
[[nodiscard]] bool logs(const Session& session, log::Level level);

/// The level of a line that a client can cause at will: info, whatever nginx says. Under `compat
/// nginx;` it is nginx's.
[[nodiscard]] log::Level client_level(const Session& session, log::Level of_nginx);

void vwrite_error(const Session& session,
                  log::Level level,
                  fmt::string_view format,
                  fmt::format_args args);

/// Logs one line with the session's context behind it.
template <class... Args>
void write_error(const Session& session,
                 log::Level level,
                 fmt::format_string<Args...> format,
                 const Args&... args) {
    if (logs(session, level)) {
        vwrite_error(session, level, format, fmt::make_format_args(args...));
    }
}

/// A line about a mistake of the configuration that each session repeats: at `level`, or at info
/// where this server complained less than a minute ago.
[[nodiscard]] log::Level complaint_level(const Session& session, log::Level level);

}  // namespace sluice::stream
