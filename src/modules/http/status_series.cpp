// SPDX-License-Identifier: BSD-2-Clause
// The section about requests: totals, then each server and each location: answers by class, bytes
// and latency. What the configuration does not name any more is in the totals only.
// Runs in: worker.
#include <array>
#include <deque>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "modules/http/status_sections.h"
#include "proto/http/meter.h"

namespace sluice::modules {

namespace {

using metrics::JsonWriter;
using metrics::Label;
using metrics::PrometheusWriter;
using metrics::Series;
using metrics::StatusView;

constexpr std::array<std::string_view, Series::kClasses> kClassNames = {"other", "1xx", "2xx",
                                                                        "3xx",   "4xx", "5xx"};

/// Bounds of the latency histogram in milliseconds: values below each. All are floors of buckets,
/// so that the counts are exact.
constexpr std::array<std::uint64_t, 17> kBounds = {1,   2,   5,   10,   25,   50,   100,   200,  400,
                                                   800, 1600, 3200, 6400, 12800, 25600, 51200,
                                                   102400};
using Latency = metrics::LatencyHistogram;
static_assert([] {
    for (const std::uint64_t bound : kBounds) {
        if (Latency::floor_of(Latency::bucket_of(bound)) != bound) {
            return false;
        }
    }
    return true;
}());

struct Counted {
    const conf::SeriesSpec* spec = nullptr;
    Series sum;
};

std::deque<Counted> count_series(const StatusView& view, bool locations) {
    std::deque<Counted> out;
    for (const conf::SeriesSpec& spec : view.generation.series()) {
        if (spec.is_location == locations) {
            Counted& one = out.emplace_back();
            one.spec = &spec;
            view.station.board.sum_series(spec.id, one.sum);
        }
    }
    return out;
}

/// Everything that any server ever answered.
std::unique_ptr<Series> count_all(const StatusView& view) {
    auto out = std::make_unique<Series>();
    for (std::size_t i = 0; i < metrics::kMaxSeries; ++i) {
        const SeriesId id{static_cast<std::uint16_t>(i)};
        const bool is_server = id == metrics::kOtherServers ||
                               view.station.board.series_name(id).starts_with('s');
        if (is_server) {
            view.station.board.sum_series(id, *out);
        }
    }
    return out;
}

// ---- JSON ----

void latency_json(const Latency& latency, JsonWriter& out) {
    out.begin_object("latency_ms");
    out.value("count", latency.count());
    out.value("sum", latency.total());
    out.value("p50", latency.quantile(0.5));
    out.value("p90", latency.quantile(0.9));
    out.value("p99", latency.quantile(0.99));
    out.begin_object("below");
    for (const std::uint64_t bound : kBounds) {
        out.value(fmt::format_int(bound).c_str(), latency.count_below(bound));
    }
    out.end_object();
    out.end_object();
}

/// The fields of one series, inside its object.
void series_json(const Series& series, JsonWriter& out) {
    out.value("requests", series.requests());
    out.begin_object("responses");
    for (std::size_t i = 1; i < Series::kClasses; ++i) {
        out.value(kClassNames[i], series.responses[i].load());
    }
    out.value(kClassNames[0], series.responses[0].load());
    out.end_object();
    out.value("received", series.received.load());
    out.value("sent", series.sent.load());
    latency_json(series.latency, out);
}

/// The locations of `server`; of an empty one those that have names of their own.
void locations_json(const std::deque<Counted>& locations,
                    std::string_view server,
                    std::string_view name,
                    JsonWriter& out) {
    out.begin_object(name);
    for (const Counted& location : locations) {
        if (location.spec->server == server) {
            out.begin_object(location.spec->location);
            series_json(location.sum, out);
            out.end_object();
        }
    }
    out.end_object();
}

void request_json(const StatusView& view, JsonWriter& out) {
    out.begin_object("requests");
    out.value("begun", view.station.sum(http::kHttpRows, http::HttpRow::Requests));
    series_json(*count_all(view), out);
    out.end_object();
    const std::deque<Counted> locations = count_series(view, true);
    out.begin_object("servers");
    for (const Counted& server : count_series(view, false)) {
        out.begin_object(server.spec->server);
        series_json(server.sum, out);
        locations_json(locations, server.spec->server, "locations", out);
        out.end_object();
    }
    out.end_object();
    locations_json(locations, {}, "locations", out);
}

// ---- Prometheus ----

/// The labels of one series, and room for one more.
struct Labels {
    std::array<Label, 3> all;
    std::size_t count = 0;

    explicit Labels(const conf::SeriesSpec& spec) {
        add("server", spec.server);
        if (spec.is_location) {
            add("location", spec.location);
        }
    }

    void add(std::string_view name, std::string_view value) { all[count++] = {name, value}; }

    [[nodiscard]] std::span<const Label> span() const { return {all.data(), count}; }

    [[nodiscard]] Labels with(std::string_view name, std::string_view value) const {
        Labels out = *this;
        out.add(name, value);
        return out;
    }
};

std::string in_seconds(std::uint64_t millis) {
    return fmt::format("{}.{:03}", millis / 1000, millis % 1000);
}

/// "0.001", "1.6": a bound is a name, so it has one spelling.
std::string bound_in_seconds(std::uint64_t millis) {
    return fmt::format("{}", static_cast<double>(millis) / 1000);
}

void latency_prometheus(const Counted& one, PrometheusWriter& out) {
    const Labels labels(*one.spec);
    const Latency& latency = one.sum.latency;
    for (const std::uint64_t bound : kBounds) {
        out.sample_of("_bucket", labels.with("le", bound_in_seconds(bound)).span(),
                      fmt::format_int(latency.count_below(bound)).c_str());
    }
    const std::string count = std::to_string(latency.count());
    out.sample_of("_bucket", labels.with("le", "+Inf").span(), count);
    out.sample_of("_sum", labels.span(), in_seconds(latency.total()));
    out.sample_of("_count", labels.span(), count);
}

void families(const std::deque<Counted>& all, std::string_view of, PrometheusWriter& out) {
    out.family(fmt::format("sluice_http_{}_responses_total", of), "counter",
               fmt::format("Answers of each {}, by class of status.", of));
    for (const Counted& one : all) {
        for (std::size_t i = 0; i < Series::kClasses; ++i) {
            out.sample(Labels(*one.spec).with("class", kClassNames[i]).span(),
                       one.sum.responses[i].load());
        }
    }
    out.family(fmt::format("sluice_http_{}_received_bytes_total", of), "counter",
               fmt::format("Bytes of the requests to each {}.", of));
    for (const Counted& one : all) {
        out.sample(Labels(*one.spec).span(), one.sum.received.load());
    }
    out.family(fmt::format("sluice_http_{}_sent_bytes_total", of), "counter",
               fmt::format("Bytes of the answers of each {}, heads included.", of));
    for (const Counted& one : all) {
        out.sample(Labels(*one.spec).span(), one.sum.sent.load());
    }
    out.family(fmt::format("sluice_http_{}_request_duration_seconds", of), "histogram",
               fmt::format("Time from a request's first byte to the last of its answer, by {}.", of));
    for (const Counted& one : all) {
        latency_prometheus(one, out);
    }
}

void request_prometheus(const StatusView& view, PrometheusWriter& out) {
    families(count_series(view, false), "server", out);
    families(count_series(view, true), "location", out);
}

}  // namespace

constexpr metrics::Section kRequestSection{"requests", &request_json, &request_prometheus};

}  // namespace sluice::modules
