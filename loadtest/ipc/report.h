// SPDX-License-Identifier: BSD-2-Clause
// The report: a Markdown table, JSON, and an SVG chart.
// Runs in: ipc_bench.
#pragma once

#include <string>
#include <vector>

#include "ipc/calibrate.h"
#include "ipc/measure.h"

namespace sluice::ipc_bench {

/// What was measured of one kind; values that were not are 0.
struct Row {
    const Kind* kind = nullptr;
    std::vector<double> message_ns;  ///< by size, as in Report::sizes
    double million_ms = 0;           ///< 1,000,000 messages of 1 KB
    double gigabyte_ms = 0;          ///< 1 GB
    RoundTrip round_trip;            ///< of 64 bytes
};

/// Ring and pipe right after each other, in nanoseconds.
struct Turn {
    double line_ns = 0;  ///< a cache line to the other processor and back
    double ring_ns = 0;  ///< one message of 1 KB
    double pipe_ns = 0;

    [[nodiscard]] double ratio() const { return pipe_ns / ring_ns; }
};

struct Report {
    std::vector<std::size_t> sizes;
    std::vector<Row> rows;  ///< the least of all rounds, which other work can only add to
    std::size_t rounds = 0;
    std::vector<Turn> turns;
    std::vector<WaitCost> waiting;
    std::vector<FanCost> fan_out;
    bool is_quick = false;

    /// Takes the rows of one more round.
    void add_round(std::vector<Row> measured);

    /// How many times faster the shared ring carries 1 KB messages than a pipe: the median of the turns;
    /// 0 if not measured.
    [[nodiscard]] double ring_to_pipe() const;
};

[[nodiscard]] std::string as_markdown(const Report& report);
[[nodiscard]] std::string as_json(const Report& report);
/// Three panels: messages, round trips, waiting.
[[nodiscard]] std::string as_svg(const Report& report);
[[nodiscard]] std::string as_markdown(const std::vector<Threshold>& thresholds);

}  // namespace sluice::ipc_bench
