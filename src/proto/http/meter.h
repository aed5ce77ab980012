// SPDX-License-Identifier: BSD-2-Clause
// Meter: counts requests in the worker's own lane: one row for all, and the series of the server and
// the location that answered. Plain stores of words; no clock, no call, no allocation.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <span>

#include "metrics/station.h"

namespace sluice::http {

class Exchange;

enum class HttpRow : std::size_t { Requests };

inline constexpr metrics::Row kHttpRowList[] = {
    {"sluice_http_requests_total", "Requests that clients began to send."},
};
inline constexpr metrics::GroupOf<HttpRow> kHttpRows{{kHttpRowList}};

/// One per worker and wire.
class Meter {
  public:
    Meter() = default;  ///< counts nothing

    explicit Meter(const metrics::Station& station)
        : station_(&station),
          rows_(station.counters(kHttpRows)),
          series_(station.board.series(station.slot)) {}

    /// A request has begun to come.
    void count_request() { rows_.add(HttpRow::Requests); }

    /// An exchange is over.
    void count(const Exchange& exchange);

    /// For status pages; null where nothing is counted.
    [[nodiscard]] const metrics::Station* station() const { return station_; }

  private:
    const metrics::Station* station_ = nullptr;
    metrics::Counters<HttpRow> rows_;
    std::span<metrics::Series> series_;
};

}  // namespace sluice::http
