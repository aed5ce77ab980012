// SPDX-License-Identifier: BSD-2-Clause
// complain: lines about a mistake of the configuration that each request repeats. What a client can
// cause at will stays at info: one loud line a minute per server.
// Runs in: worker.
#pragma once

#include <chrono>

#include "proto/http/error_line.h"
#include "proto/http/site.h"

namespace sluice::http {

/// Logs at `level`, or at info where this server complained less than a minute ago.
template <class... Args>
void complain(const Exchange& exchange,
              log::Level level,
              fmt::format_string<Args...> format,
              const Args&... args) {
    const auto now = std::chrono::duration_cast<Millis>(exchange.timings.now);
    const bool is_loud = exchange.server->trouble.ask(now).has_value();
    write_error(exchange, is_loud ? level : log::Level::Info, format, args...);
}

}  // namespace sluice::http
