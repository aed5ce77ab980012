// SPDX-License-Identifier: BSD-2-Clause
// Histogram: how often values of each size occurred, in buckets that are linear within each power
// of two: 16 per octave, so a quantile is wrong by at most 1/16. Fixed size, no allocation; it may
// lie in shared memory. One process writes; anybody may read.
// Runs in: any.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace sluice::metrics {

class Histogram {
  public:
    static constexpr unsigned kStepBits = 4;
    static constexpr unsigned kMaxBits = 40;  ///< values from 2^40 up share the last bucket
    static constexpr std::size_t kBuckets = (kMaxBits - kStepBits + 1) << kStepBits;

    /// The bucket of `value`.
    [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) {
        if (value < (1U << kStepBits)) {
            return static_cast<std::size_t>(value);
        }
        const auto octave = static_cast<unsigned>(std::bit_width(value)) - 1;
        if (octave >= kMaxBits) {
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

    void record(std::uint64_t value);
    /// Adds everything that `other` counted.
    void add(const Histogram& other);

    [[nodiscard]] std::uint64_t count() const;

    [[nodiscard]] std::uint64_t total() const { return total_.load(std::memory_order_relaxed); }

    /// The least value of the bucket in which the share `q` (0 … 1) of all values is reached; 0
    /// where nothing was recorded.
    [[nodiscard]] std::uint64_t quantile(double q) const;

  private:
    std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
    std::atomic<std::uint64_t> total_{0};
};

}  // namespace sluice::metrics
