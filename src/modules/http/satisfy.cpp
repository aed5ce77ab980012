// SPDX-License-Identifier: BSD-2-Clause
// The end of the Access phase: answers for rules that refused and waited for another to allow
// (satisfy any), and holds 401 back for auth_delay, so that guessing passwords takes time.
// The directives are the room's below (proto/http), whose verdicts they change.
// Runs in: any (settings), worker (rule).
#include <new>

#include "conf/level.h"
#include "event/loop.h"
#include "log/log.h"
#include "modules/http/features.h"
#include "modules/http/files.h"
#include "proto/http/core_conf.h"
#include "proto/http/error_line.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

/// A refusal that waits. Lies in the exchange's arena.
struct Delay : event::Timer, http::Holding {
    Exchange* exchange = nullptr;
};

void refuse(event::Timer& timer) {
    Exchange& exchange = *static_cast<Delay&>(timer).exchange;
    exchange.is_delayed = false;
    exchange.timings.now = worker_loop().now();  // $request_time tells the wait
    static_cast<void>(exchange.finish(401));
    exchange.resume_phases();
}

Verdict delay(Exchange& exchange, Millis wait) {
    // No destructor runs: giving the holding back takes the timer out.
    void* const place = exchange.arena.allocate(sizeof(Delay), alignof(Delay));
    if (place == nullptr) {
        return exchange.finish(401);
    }
    http::write_error(exchange, log::Level::Info, "delaying unauthorized request");
    auto* const waiting = ::new (place) Delay;
    waiting->exchange = &exchange;
    waiting->fire = &refuse;
    waiting->release = [](http::Holding& held) noexcept {
        event::TimerWheel::disarm(static_cast<Delay&>(held));
    };
    exchange.hold(*waiting);
    exchange.is_delayed = true;
    worker_loop().arm(*waiting, wait);
    return Verdict::Waiting;
}

Verdict settle(Exchange& exchange, const void*) {
    const int status = exchange.access_status;
    exchange.access_status = 0;
    const http::CoreConf& core = *exchange.location->core;
    if (status == 401 && core.auth_delay->count() > 0 && exchange.trace == nullptr) {
        return delay(exchange, *core.auth_delay);
    }
    if (status == 403) {
        http::write_error(exchange, http::client_level(exchange, log::Level::Error),
                          "access forbidden by rule");
    }
    if (status != 0) {
        http::tell(exchange, http::Topic::Access, "satisfy", "no rule allows, {}", status);
    }
    return status == 0 ? Verdict::Declined : exchange.finish(status);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const http::CoreConf& core = level.conf<http::CoreConf>();
    const bool is_needed = *core.satisfy == http::Satisfy::Any || core.auth_delay->count() > 0;
    if (phase != http::Phase::Access || !is_needed) {
        return {};
    }
    return {.run = &settle, .settings = nullptr};
}

}  // namespace

constexpr http::Module kSatisfy{
    .name = "satisfy",
    .bind = &bind,
};

}  // namespace sluice::modules
