// SPDX-License-Identifier: BSD-2-Clause
// PeerState: what is known of one peer while the server runs: failures, connections, weights of the
// moment, health, figures. It lies in a shared zone or in the worker's own memory (see PeerStore),
// all zero at first, and is found by group and address, so it outlives configurations.
// Runs in: worker.
#pragma once

#include <cstdint>

#include "metrics/histogram.h"
#include "upstream/shared_word.h"

namespace sluice::upstream {

/// Milliseconds up to 16 s in buckets of at most 1/16.
using PeerLatency = metrics::BasicHistogram<14>;

/// What active checks say.
enum class Health : std::uint32_t {
    Unknown,  ///< nothing checks it, or no check has ended yet
    Healthy,
    Unhealthy,
};

/// Times are of the monotonic clock in milliseconds, which all processes share; 0: never.
/// Everything is changed under the store's lock but for the bytes.
struct PeerState {
    // ---- choosing ----
    SharedWord<std::int64_t> current_weight;    ///< of smooth weighted round robin
    SharedWord<std::int64_t> effective_weight;  ///< falls with failures, recovers with picks
    SharedWord<std::int64_t> weight;            ///< that effective_weight was made for
    SharedWord<std::uint64_t> fails;
    SharedWord<std::int64_t> accessed;      ///< last failure
    SharedWord<std::int64_t> checked;       ///< last failure, or last trial after one
    SharedWord<std::uint64_t> connections;  ///< sessions or requests in progress, of all workers
    SharedWord<std::int64_t> recovered;     ///< slow_start counts from here
    SharedWord<std::uint32_t> is_disabled;  ///< max_fails was reached and no success came since
    SharedWord<Health> health;
    /// Moving averages in 1/1024 ms; 0: nothing measured yet.
    SharedWord<std::int64_t> connect_average;
    SharedWord<std::int64_t> first_byte_average;
    SharedWord<std::int64_t> last_byte_average;
    SharedWord<std::int64_t> inflight_since;  ///< sum of the start times of those in progress

    // ---- active checks ----
    SharedWord<std::uint32_t> check_passes;  ///< in a row
    SharedWord<std::uint32_t> check_fails;   ///< in a row
    SharedWord<std::uint64_t> checks;
    SharedWord<std::uint64_t> failed_checks;
    SharedWord<std::uint64_t> times_unhealthy;
    SharedWord<std::int64_t> last_check;

    // ---- figures ----
    SharedWord<std::uint64_t> selected;  ///< sessions or requests that were given to it
    SharedWord<std::int64_t> last_selected;
    SharedWord<std::uint64_t> failures;  ///< that counted against it
    SharedWord<std::uint64_t> times_disabled;
    SharedWord<std::uint64_t> sent;      ///< bytes to the peer
    SharedWord<std::uint64_t> received;  ///< bytes from it
    PeerLatency connect_time;
    PeerLatency first_byte_time;
};

}  // namespace sluice::upstream
