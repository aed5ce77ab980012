// SPDX-License-Identifier: BSD-2-Clause
// Shared zones on the status pages: how full, how often found, what went wrong. One row per fact
// feeds both formats.
// Runs in: worker.
#include "modules/shared/zone_section.h"

#include <array>

#include "modules/shared/zone_argument.h"

namespace sluice::modules {

namespace {

using metrics::Label;
using metrics::StatusView;

struct Fact {
    std::string_view name;        ///< in JSON
    std::string_view family;      ///< in Prometheus' text
    std::string_view type;
    std::string_view sentence;
    std::uint64_t shm::ZoneStats::* value;
};

using shm::ZoneStats;

// clang-format off
constexpr Fact kFacts[] = {
    {"entries", "sluice_zone_entries", "gauge", "Entries of the zone.", &ZoneStats::entries},
    {"used_bytes", "sluice_zone_used_bytes", "gauge", "Bytes that hold entries.", &ZoneStats::used_bytes},
    {"capacity_bytes", "sluice_zone_capacity_bytes", "gauge", "Bytes that can hold entries.", &ZoneStats::capacity_bytes},
    {"hits", "sluice_zone_hits_total", "counter", "Lookups that found their key.", &ZoneStats::hits},
    {"misses", "sluice_zone_misses_total", "counter", "Lookups that did not.", &ZoneStats::misses},
    {"stores", "sluice_zone_stores_total", "counter", "Entries written.", &ZoneStats::stores},
    {"evictions", "sluice_zone_evictions_total", "counter", "Entries removed to make room.", &ZoneStats::evictions},
    {"expired", "sluice_zone_expired_total", "counter", "Entries removed because their time was over.", &ZoneStats::expired},
    {"refusals", "sluice_zone_refusals_total", "counter", "Entries too large for a shard.", &ZoneStats::refusals},
    {"repairs", "sluice_zone_repairs_total", "counter", "Locks taken over from processes that died with them.", &ZoneStats::repairs},
    {"resets", "sluice_zone_resets_total", "counter", "Shards emptied because they made no sense.", &ZoneStats::resets},
    {"busy", "sluice_zone_busy_total", "counter", "Times that a lock was not to be had.", &ZoneStats::busy},
};
// clang-format on

void write_json(const StatusView& view, metrics::JsonWriter& out) {
    out.begin_object("shared_zones");
    for (const auto& spec : view.generation.zones()) {
        const ZoneStats stats = zone_of(*spec).zone().stats();
        out.begin_object(spec->name);
        out.value("kind", spec->use.kind);
        out.value("size", spec->bytes);
        for (const Fact& fact : kFacts) {
            out.value(fact.name, stats.*fact.value);
        }
        out.end_object();
    }
    out.end_object();
}

void write_prometheus(const StatusView& view, metrics::PrometheusWriter& out) {
    if (view.generation.zones().empty()) {
        return;
    }
    for (const Fact& fact : kFacts) {
        out.family(fact.family, fact.type, fact.sentence);
        for (const auto& spec : view.generation.zones()) {
            const std::array<Label, 2> labels = {Label{"zone", spec->name},
                                                 Label{"kind", spec->use.kind}};
            out.sample(labels, zone_of(*spec).zone().stats().*fact.value);
        }
    }
}

}  // namespace

constexpr metrics::Section kZoneSection{
    .name = "shared_zones",
    .write_json = &write_json,
    .write_prometheus = &write_prometheus,
};

}  // namespace sluice::modules
