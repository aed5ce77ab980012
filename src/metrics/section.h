// SPDX-License-Identifier: BSD-2-Clause
// Section: a part of the status pages. A room that has something to show declares one constexpr
// object beside its code and the registry lists it; the pages ask all of them in order.
// Runs in: worker.
#pragma once

#include <string_view>

#include "base/units.h"
#include "conf/generation.h"
#include "metrics/json_writer.h"
#include "metrics/prometheus_writer.h"
#include "metrics/station.h"

namespace sluice::metrics {

/// What a section may read.
struct StatusView {
    const Station& station;
    const conf::Generation& generation;  ///< that the asking request runs on
    UnixSeconds now;                     ///< wall clock
};

struct Section {
    std::string_view name;
    /// Writes fields into the page's outermost object; null: nothing.
    void (*write_json)(const StatusView& view, JsonWriter& out) = nullptr;
    /// Writes whole families; null: nothing.
    void (*write_prometheus)(const StatusView& view, PrometheusWriter& out) = nullptr;
};

}  // namespace sluice::metrics
