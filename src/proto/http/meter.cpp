// SPDX-License-Identifier: BSD-2-Clause
// What an exchange adds to its series.
// Runs in: worker.
#include "proto/http/meter.h"

#include <algorithm>
#include <chrono>

#include "proto/http/exchange.h"
#include "proto/http/site.h"

namespace sluice::http {

namespace {

/// What one request adds; worked out once for both series.
struct Addition {
    std::size_t answer_class = 0;
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t millis = 0;
    std::size_t bucket = 0;
};

std::uint64_t not_negative(std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

void add(std::span<metrics::Series> all, SeriesId id, const Addition& what) {
    if (id.value >= all.size()) {
        return;  // `status_zone off`, or nobody counts
    }
    metrics::Series& series = all[id.value];
    metrics::bump(series.responses[what.answer_class]);
    metrics::bump(series.received, what.received);
    metrics::bump(series.sent, what.sent);
    series.latency.record_in(what.bucket, what.millis);
}

}  // namespace

void Meter::count(const Exchange& exchange) {
    if (series_.empty() || exchange.location == nullptr) {
        return;
    }
    const Timings& timings = exchange.timings;
    Addition what;
    what.answer_class = metrics::Series::class_of(exchange.reply.status);
    what.received = not_negative(timings.request_length);
    what.sent = not_negative(timings.bytes_sent);
    // Served within one turn of the loop: both times are the same reading of its clock.
    if (const Nanos took = timings.now - timings.started; took.count() > 0) {
        what.millis = not_negative(std::chrono::floor<Millis>(took).count());
        what.bucket = metrics::LatencyHistogram::bucket_of(what.millis);
    }
    const Location& location = *exchange.location;
    add(series_, exchange.server->series, what);
    if (location.match != Match::Root) {
        add(series_, location.series, what);
    }
}

}  // namespace sluice::http
