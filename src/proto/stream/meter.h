// SPDX-License-Identifier: BSD-2-Clause
// Meter: counts sessions in the worker's own lane: rows for all, and the series of the server that
// served. Plain stores of words; no clock, no call, no allocation.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <span>

#include "metrics/station.h"

namespace sluice::stream {

class Session;

enum class StreamRow : std::size_t { Sessions, Active };

inline constexpr metrics::Row kStreamRowList[] = {
    {"sluice_stream_sessions_total", "Sessions that clients began: TCP connections, UDP clients."},
    {"sluice_stream_sessions", "Sessions that are open.", metrics::RowKind::Gauge},
};
inline constexpr metrics::GroupOf<StreamRow> kStreamRows{{kStreamRowList}};

/// One per worker and wire.
class Meter {
  public:
    Meter() = default;  ///< counts nothing

    explicit Meter(const metrics::Station& station)
        : rows_(station.counters(kStreamRows)), series_(station.board.series(station.slot)) {}

    /// A session has begun.
    void count_begin() {
        rows_.add(StreamRow::Sessions);
        rows_.add(StreamRow::Active);
    }

    /// A session is over.
    void count(const Session& session);

  private:
    metrics::Counters<StreamRow> rows_;
    std::span<metrics::Series> series_;
};

}  // namespace sluice::stream
