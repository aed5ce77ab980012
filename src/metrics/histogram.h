// SPDX-License-Identifier: BSD-2-Clause
// Histogram: how often values of each size occurred, in buckets that are linear within each power
// of two: 16 per octave, so a quantile is wrong by at most 1/16. Fixed size, no allocation; it may
// lie in shared memory. One process writes; anybody may read.
// Runs in: any.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "metrics/cell.h"

namespace sluice::metrics {

/// Values from 2^MaxBits up share the last bucket.
template <unsigned MaxBits>
class BasicHistogram {
  public:
    static constexpr unsigned kStepBits = 4;
    static constexpr std::size_t kBuckets = (MaxBits - kStepBits + 1) << kStepBits;

    /// The bucket of `value`.
    [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) {
        if (value < (1U << kStepBits)) {
            return static_cast<std::size_t>(value);
        }
        const auto octave = static_cast<unsigned>(std::bit_width(value)) - 1;
        if (octave >= MaxBits) {
            return kBuckets - 1;
        }
        const std::uint64_t step = (value >> (octave - kStepBits)) & ((1U << kStepBits) - 1);
        return ((octave - kStepBits + 1) << kStepBits) + static_cast<std::size_t>(step);
    }

    /// The least value of a bucket.
    [[nodiscard]] static constexpr std::uint64_t floor_of(std::size_t bucket) {
        if (bucket < (1U << kStepBits)) {
            return bucket;
        }
        const std::size_t shift = (bucket >> kStepBits) - 1;
        const std::uint64_t step = bucket & ((1U << kStepBits) - 1);
        return ((std::uint64_t{1} << kStepBits) + step) << shift;
    }

    void record(std::uint64_t value) { record_in(bucket_of(value), value); }

    /// The same where the caller knows bucket_of(value) already.
    void record_in(std::size_t bucket, std::uint64_t value) {
        bump(buckets_[bucket]);
        bump(total_, value);
    }

    /// Adds everything that `other` counted.
    void add(const BasicHistogram& other) {
        for (std::size_t i = 0; i < kBuckets; ++i) {
            bump(buckets_[i], other.in_bucket(i));
        }
        bump(total_, other.total());
    }

    [[nodiscard]] std::uint64_t in_bucket(std::size_t bucket) const {
        return buckets_[bucket].load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t count() const { return count_below(UINT64_MAX); }

    /// How many values were less than `limit`, which must be some bucket's floor to be exact.
    [[nodiscard]] std::uint64_t count_below(std::uint64_t limit) const {
        std::uint64_t out = 0;
        for (std::size_t i = 0; i < kBuckets && floor_of(i) < limit; ++i) {
            out += in_bucket(i);
        }
        return out;
    }

    /// The sum of all values.
    [[nodiscard]] std::uint64_t total() const { return total_.load(std::memory_order_relaxed); }

    /// The least value of the bucket in which the share `q` (0 … 1) of all values is reached; 0
    /// where nothing was recorded.
    [[nodiscard]] std::uint64_t quantile(double q) const {
        const std::uint64_t all = count();
        if (all == 0) {
            return 0;
        }
        const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(all));
        const std::uint64_t rank =
            std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < kBuckets; ++i) {
            seen += in_bucket(i);
            if (seen >= rank) {
                return floor_of(i);
            }
        }
        return floor_of(kBuckets - 1);
    }

  private:
    // Beside the first buckets, which nearly all values hit: one cache line for both.
    Cell total_{0};
    std::array<Cell, kBuckets> buckets_{};
};

using Histogram = BasicHistogram<40>;

}  // namespace sluice::metrics
