// SPDX-License-Identifier: BSD-2-Clause
// satisfy.
// Runs in: worker.
#include "proto/http/access_verdict.h"

#include <limits>

#include "proto/http/core_conf.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"

namespace sluice::http {

void take_challenge_away(Reply& reply) {
    ReplyHeader** at = &reply.headers;
    reply.last_header = nullptr;
    while (*at != nullptr) {
        if ((*at)->name == "WWW-Authenticate") {
            *at = (*at)->next;
            continue;
        }
        reply.last_header = *at;
        at = &(*at)->next;
    }
}

bool any_suffices(const Exchange& exchange) {
    return *exchange.location->core->satisfy == Satisfy::Any;
}

Verdict allow_access(Exchange& exchange) {
    if (any_suffices(exchange)) {
        tell(exchange, Topic::Access, "satisfy", "one rule that allows is enough");
        exchange.access_status = 0;
        take_challenge_away(exchange.reply);
        exchange.cursor.rule = std::numeric_limits<std::uint16_t>::max();  // behind the phase's last
    }
    return Verdict::Declined;
}

Verdict deny_access(Exchange& exchange, int status) {
    const CoreConf& core = *exchange.location->core;
    if (any_suffices(exchange)) {
        tell(exchange, Topic::Access, "satisfy", "{} unless another rule allows", status);
        if (exchange.access_status != 401) {
            exchange.access_status = static_cast<std::uint16_t>(status);
        }
        return Verdict::Declined;
    }
    if (status == 401 && core.auth_delay->count() > 0) {
        tell(exchange, Topic::Access, "auth_delay", "the 401 is held back; not here");
        exchange.access_status = 401;
        const auto& rules = exchange.location->rules[static_cast<std::size_t>(Phase::Access)];
        exchange.cursor.rule = static_cast<std::uint16_t>(rules.size() - 1);  // the one that delays
        return Verdict::Declined;
    }
    return exchange.finish(status);
}

}  // namespace sluice::http
