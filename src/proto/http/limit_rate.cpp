// SPDX-License-Identifier: BSD-2-Clause
// Rates of replies.
// Runs in: worker.
#include "proto/http/limit_rate.h"

#include "conf/parse_as.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"

namespace sluice::http {

namespace {

// A text that is no size limits nothing, as in nginx.
std::uint64_t size_of(Exchange& exchange, const SizeConf& conf) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 50;  // so that the arithmetic is safe
    if (!conf.is_given || conf.text.is_constant()) {
        return std::min(conf.constant, kMost);
    }
    const auto size = conf::parse_size(exchange.render(conf.text));
    return size ? std::min(size->count, kMost) : 0;
}

}  // namespace

RateLimit rate_limit_of(Exchange& exchange) {
    const CoreConf& core = *exchange.location->core;
    RateLimit limit;
    limit.rate = exchange.limit_rate >= 0 ? static_cast<std::uint64_t>(exchange.limit_rate)
                                          : size_of(exchange, *core.limit_rate);
    limit.after = size_of(exchange, *core.limit_rate_after);
    return limit;
}

}  // namespace sluice::http
