// SPDX-License-Identifier: BSD-2-Clause
// The sections that every status page has: the server, its connections, requests, workers, log.
// Runs in: worker.
#pragma once

#include "metrics/section.h"

namespace sluice::modules {

extern const metrics::Section kProcessSection;     ///< version, generation, reloads
extern const metrics::Section kConnectionSection;  ///< as stub_status counts them
extern const metrics::Section kRequestSection;     ///< status_series.cpp: by server and location
extern const metrics::Section kWorkerSection;      ///< each worker
extern const metrics::Section kLogSection;         ///< records that were lost
extern const metrics::Section kCounterSection;     ///< every row of every room, by its name

/// The connections of all workers, as nginx's stub_status tells them.
struct ConnectionCounts {
    std::uint64_t accepted = 0;
    std::uint64_t handled = 0;
    std::uint64_t requests = 0;
    std::uint64_t reading = 0;
    std::uint64_t writing = 0;
    std::uint64_t waiting = 0;

    [[nodiscard]] std::uint64_t active() const { return reading + writing + waiting; }
};

[[nodiscard]] ConnectionCounts count_connections(const metrics::Station& station);

}  // namespace sluice::modules
