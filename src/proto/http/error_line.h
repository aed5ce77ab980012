// SPDX-License-Identifier: BSD-2-Clause
// Error lines about a request: to the error_log of its location, with nginx's context behind them:
// `*7 open() "/www/x" failed (2: …), client: 10.0.0.1, server: a.example, request: "GET /x HTTP/1.1"`.
// Runs in: worker.
#pragma once

#include <fmt/format.h>

#include "log/log.h"
#include "proto/http/exchange.h"

namespace sluice::http {

/// Where lines about this request go; the main level's where it has no location with settings yet.
[[nodiscard]] const log::Destination& error_log_of(const Exchange& exchange);

/// Whether a line of `level` about this request would go anywhere; ask before costly arguments.
[[nodiscard]] bool logs(const Exchange& exchange, log::Level level);

/// The level of a line that a client can cause at will: info, whatever nginx says. Under `compat
/// nginx;` it is nginx's.
[[nodiscard]] log::Level client_level(const Exchange& exchange, log::Level of_nginx);

void vwrite_error(const Exchange& exchange,
                  log::Level level,
                  fmt::string_view format,
                  fmt::format_args args);

/// Logs one line with the request's context behind it.
template <class... Args>
void write_error(const Exchange& exchange,
                 log::Level level,
                 fmt::format_string<Args...> format,
                 const Args&... args) {
    if (logs(exchange, level) || exchange.trace != nullptr) {
        vwrite_error(exchange, level, format, fmt::make_format_args(args...));
    }
}

}  // namespace sluice::http
