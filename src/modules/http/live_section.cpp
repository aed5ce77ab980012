// SPDX-License-Identifier: BSD-2-Clause
// The status pages' part about live streams: each FIFO's viewers, bytes and how many were dropped,
// over all workers.
// Runs in: worker.
#include <algorithm>
#include <array>
#include <vector>

#include "modules/http/live.h"
#include "modules/http/live_conf.h"

namespace sluice::modules {

namespace {

using metrics::Label;
using metrics::StatusView;

struct Fact {
    std::string_view name;    ///< in JSON
    std::string_view family;  ///< in Prometheus' text
    std::string_view type;
    std::string_view sentence;
    std::uint64_t (LiveWindow::*get)() const;
};

// clang-format off
constexpr Fact kFacts[] = {
    {"viewers", "sluice_live_viewers", "gauge", "Clients that watch the stream now.", &LiveWindow::viewers},
    {"bytes", "sluice_live_bytes_total", "counter", "Bytes that were written to the FIFO.", &LiveWindow::end},
    {"dropped", "sluice_live_dropped_total", "counter", "Viewers dropped because they were too slow.", &LiveWindow::dropped},
};
// clang-format on

/// One for each FIFO, in the order of the configuration.
std::vector<const LiveHub*> hubs_of(const StatusView& view) {
    std::vector<const LiveHub*> hubs;
    const LiveSpec* const specs = view.generation.main_level().conf<LiveConf>().specs;
    for (const LiveSpec* spec = specs; spec != nullptr; spec = spec->next) {
        if (spec->attached != nullptr && std::ranges::find(hubs, spec->attached) == hubs.end()) {
            hubs.insert(hubs.begin(), spec->attached);
        }
    }
    return hubs;
}

void write_json(const StatusView& view, metrics::JsonWriter& out) {
    out.begin_object("live");
    for (const LiveHub* const hub : hubs_of(view)) {
        out.begin_object(hub->path());
        for (const Fact& fact : kFacts) {
            out.value(fact.name, (hub->window().*fact.get)());
        }
        out.end_object();
    }
    out.end_object();
}

void write_prometheus(const StatusView& view, metrics::PrometheusWriter& out) {
    const std::vector<const LiveHub*> hubs = hubs_of(view);
    if (hubs.empty()) {
        return;
    }
    for (const Fact& fact : kFacts) {
        out.family(fact.family, fact.type, fact.sentence);
        for (const LiveHub* const hub : hubs) {
            const std::array<Label, 1> labels = {Label{"fifo", hub->path()}};
            out.sample(labels, (hub->window().*fact.get)());
        }
    }
}

}  // namespace

constexpr metrics::Section kLiveSection{
    .name = "live",
    .write_json = &write_json,
    .write_prometheus = &write_prometheus,
};

}  // namespace sluice::modules
