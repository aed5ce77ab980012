// SPDX-License-Identifier: BSD-2-Clause
// What limit_req and limit_conn share: settings of every limit, the note that an exchange carries,
// the refusal.
// Runs in: any (settings), worker.
#pragma once

#include <string_view>

#include "conf/build.h"
#include "conf/row.h"
#include "log/level.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

/// A directive's argument that is the level of the lines about refused requests.
struct LimitLogLevel {
    log::Level level = log::Level::Error;
};

/// The status of refused requests.
struct LimitStatus {
    std::uint16_t status = 503;
};

/// What a limit decided about an exchange, for variables and so that a request counts once however
/// often it is redirected. Lies in the exchange's arena.
struct LimitNote : http::Holding {
    std::string_view outcome;  ///< as the variable tells it: "PASSED", "REJECTED_DRY_RUN"
};

/// The exchange's note that `release` marks as one limit's own, or null.
[[nodiscard]] LimitNote* find_note(const http::Exchange& exchange,
                                   void (*release)(http::Holding&) noexcept);
/// The note, made where it is not there; null where the arena is full.
[[nodiscard]] LimitNote* take_note(http::Exchange& exchange,
                                   void (*release)(http::Holding&) noexcept);

/// Refuses: the status, with Retry-After where it is 429 and `retry_after` is known.
[[nodiscard]] http::Verdict refuse(http::Exchange& exchange,
                                   const LimitStatus& status,
                                   std::int64_t retry_after_seconds);

}  // namespace sluice::modules

template <>
struct sluice::conf::ParseAs<sluice::modules::LimitLogLevel> {
    static bool parse(Build& build, const Directive& directive, modules::LimitLogLevel& out);
};

template <>
struct sluice::conf::ParseAs<sluice::modules::LimitStatus> {
    static bool parse(Build& build, const Directive& directive, modules::LimitStatus& out);
};
