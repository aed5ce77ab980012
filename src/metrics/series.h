// SPDX-License-Identifier: BSD-2-Clause
// Series: what is counted of the requests to one server or location: answers by class, bytes, time.
// Each slot has a row of these; a SeriesId names the same server in every process and generation.
// Runs in: any.
#pragma once

#include <array>
#include <cstdint>

#include "base/units.h"
#include "metrics/histogram.h"

namespace sluice::metrics {

/// Most series of a board, the two for what found no room included.
inline constexpr std::size_t kMaxSeries = 512;
/// What is counted where no id is left: servers, locations.
inline constexpr SeriesId kOtherServers{0};
inline constexpr SeriesId kOtherLocations{1};
inline constexpr std::size_t kFirstSeries = 2;
/// Names no series: `status_zone off`.
inline constexpr SeriesId kNoSeries{0xffff};

/// Milliseconds up to two minutes; every bound that status pages show is some bucket's floor.
using LatencyHistogram = BasicHistogram<17>;

struct alignas(64) Series {
    static constexpr std::size_t kClasses = 6;

    /// By status / 100; [0]: answers outside 100 … 599.
    std::array<Cell, kClasses> responses{};
    Cell received{0};  ///< bytes of requests
    Cell sent{0};      ///< bytes of answers, heads included
    LatencyHistogram latency;

    [[nodiscard]] static constexpr std::size_t class_of(unsigned status) {
        const unsigned hundreds = status / 100;
        return hundreds < kClasses ? hundreds : 0;
    }

    /// Adds everything that `other` counted.
    void add(const Series& other);
    /// Answers of all classes.
    [[nodiscard]] std::uint64_t requests() const;
};

}  // namespace sluice::metrics
