// SPDX-License-Identifier: BSD-2-Clause
// Calibration: measures, on this machine, the sizes of the server's transfer table.
// Runs in: ipc_bench.
#pragma once

#include <string_view>
#include <vector>

#include <cstddef>

namespace sluice::ipc_bench {

/// Two means of one transfer, at one size: processor time of the sending side.
struct Contest {
    std::size_t size = 0;
    double first_us = 0;
    double second_us = 0;
};

/// One line of the table: from which size on the second means is cheaper.
struct Threshold {
    std::string_view name;  ///< the member of net::TransferTable
    std::string_view first;
    std::string_view second;
    std::size_t built_in = 0;  ///< the server's value
    std::vector<Contest> contests;

    /// The smallest size from which the second means is cheaper at every measured size; 0: none.
    [[nodiscard]] std::size_t measured() const;
};

/// Measures all thresholds. `rounds`: interleaved repetitions, the least of each counts.
/// Blocks: some ten seconds.
[[nodiscard]] std::vector<Threshold> calibrate(int rounds);

}  // namespace sluice::ipc_bench
