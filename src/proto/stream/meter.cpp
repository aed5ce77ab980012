// SPDX-License-Identifier: BSD-2-Clause
// What a session adds to its series.
// Runs in: worker.
#include "proto/stream/meter.h"

#include <algorithm>

#include "proto/stream/session.h"
#include "proto/stream/site.h"

namespace sluice::stream {

void Meter::count(const Session& session) {
    rows_.subtract(StreamRow::Active);
    const SeriesId id = session.server->series;
    if (id.value >= series_.size()) {
        return;  // `status_zone off`, or nobody counts
    }
    metrics::Series& series = series_[id.value];
    metrics::bump(series.responses[metrics::Series::class_of(session.status)]);
    metrics::bump(series.received, session.received);
    metrics::bump(series.sent, session.sent);
    const Millis took = std::max(session.timings.now - session.timings.started, Millis(0));
    const auto millis = static_cast<std::uint64_t>(took.count());
    series.latency.record_in(metrics::LatencyHistogram::bucket_of(millis), millis);
}

}  // namespace sluice::stream
