// SPDX-License-Identifier: BSD-2-Clause
// Measuring links between two processes: time per message, time per round trip; and what one event
// costs among idle descriptors.
// Runs in: ipc_bench.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ipc/link.h"

namespace sluice::ipc_bench {

/// Nanoseconds of the monotonic clock.
[[nodiscard]] std::int64_t now_ns();

/// How many messages of which size.
struct Load {
    std::size_t size = 0;
    std::uint64_t count = 0;
    bool is_checked_whole = false;  ///< every byte of every message differs and is checked; not for speeds
};

/// Wall time of one message, in nanoseconds: from this process to a child, from the first send to the
/// child's word that it has all of them. Both have a copy of each message of their own: nothing is
/// made or looked at in place. Every message's number is checked on arrival. Blocks: for the run.
[[nodiscard]] double message_ns(const Kind& kind, const Load& load);

/// Round-trip times in nanoseconds.
struct RoundTrip {
    double median = 0;
    double p99 = 0;
    double p999 = 0;
};

/// There and back again `rounds` times, with two links of `kind`. Blocks: for the run.
[[nodiscard]] RoundTrip round_trip(const Kind& kind, std::size_t size, std::size_t rounds);

/// Time in nanoseconds in which a cache line goes to the other processor and comes back, the median:
/// tells whether the two have a cache in common. Blocks: for milliseconds.
[[nodiscard]] double line_ns();

/// What one event costs with select, poll and epoll where `idle` other descriptors are watched.
struct WaitCost {
    std::size_t idle = 0;
    double select_ns = 0;
    double poll_ns = 0;
    double epoll_ns = 0;
};

/// Means of `events` events, a tenth of them among more than 1,000. Blocks: for the run. Gives fewer
/// rows than asked where descriptors run out.
[[nodiscard]] std::vector<WaitCost> wait_costs(std::span<const std::size_t> idle_counts, std::size_t events);

/// User and system time of this process, in microseconds.
[[nodiscard]] double cpu_us();

/// What 64 KiB of a stream cost its server for each of many viewers: processor time.
struct FanCost {
    std::size_t viewers = 0;
    double copy_us = 0;  ///< read once, send to each
    double tee_us = 0;   ///< tee and splice to each
};

/// With about `pieces` pieces in all. Blocks: for the run.
[[nodiscard]] FanCost fan_out(std::size_t viewers, std::size_t pieces);

}  // namespace sluice::ipc_bench
