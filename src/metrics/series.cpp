// SPDX-License-Identifier: BSD-2-Clause
// Sums of series.
// Runs in: any.
#include "metrics/series.h"

namespace sluice::metrics {

void Series::add(const Series& other) {
    for (std::size_t i = 0; i < kClasses; ++i) {
        bump(responses[i], other.responses[i].load(std::memory_order_relaxed));
    }
    bump(received, other.received.load(std::memory_order_relaxed));
    bump(sent, other.sent.load(std::memory_order_relaxed));
    latency.add(other.latency);
}

std::uint64_t Series::requests() const {
    std::uint64_t out = 0;
    for (const Cell& cell : responses) {
        out += cell.load(std::memory_order_relaxed);
    }
    return out;
}

}  // namespace sluice::metrics
