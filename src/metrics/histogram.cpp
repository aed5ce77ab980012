// SPDX-License-Identifier: BSD-2-Clause
// Histogram: recording, merging, quantiles.
// Runs in: any.
#include "metrics/histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice::metrics {

namespace {

/// One writer: whole words are enough, no locked instruction.
void bump(std::atomic<std::uint64_t>& cell, std::uint64_t by) {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

void Histogram::record(std::uint64_t value) {
    bump(buckets_[bucket_of(value)], 1);
    bump(total_, value);
}

void Histogram::add(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
        bump(buckets_[i], other.buckets_[i].load(std::memory_order_relaxed));
    }
    bump(total_, other.total());
}

std::uint64_t Histogram::count() const {
    std::uint64_t out = 0;
    for (const auto& bucket : buckets_) {
        out += bucket.load(std::memory_order_relaxed);
    }
    return out;
}

std::uint64_t Histogram::quantile(double q) const {
    const std::uint64_t all = count();
    if (all == 0) {
        return 0;
    }
    const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(all));
    const std::uint64_t rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
        seen += buckets_[i].load(std::memory_order_relaxed);
        if (seen >= rank) {
            return floor_of(i);
        }
    }
    return floor_of(kBuckets - 1);
}

}  // namespace sluice::metrics
