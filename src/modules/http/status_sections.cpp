// SPDX-License-Identifier: BSD-2-Clause
// Sections of status pages, except the one about requests.
// Runs in: worker.
#include "modules/http/status_sections.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/version.h"
#include "metrics/process_rows.h"
#include "net/connection_rows.h"
#include "proto/http/meter.h"

namespace sluice::modules {

namespace {

using metrics::JsonWriter;
using metrics::Label;
using metrics::MasterRow;
using metrics::PrometheusWriter;
using metrics::RowKind;
using metrics::StatusView;
using metrics::WorkerFact;
using net::ConnectionRow;

std::uint64_t seconds_since(std::uint64_t past, UnixSeconds now) {
    const auto present = static_cast<std::uint64_t>(std::max<std::int64_t>(now.count(), 0));
    return present > past ? present - past : 0;  // the clock may have been set back
}

// ---- process ----

metrics::Counters<MasterRow> master_rows(const StatusView& view) {
    const std::optional<SlotId> master = view.station.master();
    return master ? view.station.board.counters(*master, metrics::kMasterRows)
                  : metrics::Counters<MasterRow>();
}

std::uint64_t master_pid(const StatusView& view) {
    return static_cast<std::uint64_t>(view.station.log.table().info(view.station.slot).keeper);
}

void process_json(const StatusView& view, JsonWriter& out) {
    const auto rows = master_rows(view);
    out.value("version", kVersion);
    out.value("pid", master_pid(view));
    out.value("generation", rows.value(MasterRow::Generation));
    out.value("started", rows.value(MasterRow::Started));
    out.value("uptime", seconds_since(rows.value(MasterRow::Started), view.now));
    out.value("time", view.now.count());
    out.begin_object("reloads");
    out.value("accepted", view.station.sum(metrics::kMasterRows, MasterRow::ReloadsAccepted));
    out.value("refused", view.station.sum(metrics::kMasterRows, MasterRow::ReloadsRefused));
    if (const std::uint64_t last = rows.value(MasterRow::LastReload); last != 0) {
        out.begin_object("last");
        out.value("result",
                  rows.value(MasterRow::LastReloadAccepted) != 0 ? "accepted" : "refused");
        out.value("time", last);
        out.end_object();
    }
    out.end_object();
}

void process_prometheus(const StatusView& view, PrometheusWriter& out) {
    const auto rows = master_rows(view);
    out.family("sluice_info", "gauge", "Always 1; the version is a label.");
    const std::array<Label, 1> version = {Label{"version", kVersion}};
    out.sample(version, 1);
    out.family("sluice_generation", "gauge", "Number of the configuration that serves.");
    out.sample(rows.value(MasterRow::Generation));
    out.family("sluice_start_time_seconds", "gauge", "When the master was born, Unix time.");
    out.sample(rows.value(MasterRow::Started));
    out.family("sluice_last_reload_time_seconds", "gauge",
               "When the last reload ended, Unix time; 0: there was none.");
    out.sample(rows.value(MasterRow::LastReload));
    out.family("sluice_last_reload_accepted", "gauge", "1 where the last reload was accepted.");
    out.sample(rows.value(MasterRow::LastReloadAccepted));
}

// ---- connections ----

void connection_json(const StatusView& view, JsonWriter& out) {
    const ConnectionCounts counts = count_connections(view.station);
    out.begin_object("connections");
    out.value("accepted", counts.accepted);
    out.value("handled", counts.handled);
    out.value("active", counts.active());
    out.value("reading", counts.reading);
    out.value("writing", counts.writing);
    out.value("waiting", counts.waiting);
    out.end_object();
}

void connection_prometheus(const StatusView& view, PrometheusWriter& out) {
    out.family("sluice_connections_active", "gauge", "Open connections.");
    out.sample(count_connections(view.station).active());
}

// ---- workers ----

struct WorkerView {
    SlotId slot;
    std::uint64_t pid = 0;
    std::uint64_t connections = 0;
    metrics::Counters<WorkerFact> facts;
};

std::vector<WorkerView> workers_of(const StatusView& view) {
    std::vector<WorkerView> out;
    const metrics::Station& station = view.station;
    for (std::size_t i = 0; i < station.board.slots(); ++i) {
        const SlotId slot{static_cast<std::uint16_t>(i)};
        if (!station.is_live(slot)) {
            continue;
        }
        const auto facts = station.board.counters(slot, metrics::kWorkerFacts);
        const auto rows = station.board.counters(slot, net::kConnectionRows);
        if (facts.value(WorkerFact::IsWorker) != 0) {
            out.push_back({.slot = slot,
                           .pid = static_cast<std::uint64_t>(station.log.table().info(slot).pid),
                           .connections = rows.value(ConnectionRow::Reading) +
                                          rows.value(ConnectionRow::Writing) +
                                          rows.value(ConnectionRow::Waiting),
                           .facts = facts});
        }
    }
    std::ranges::stable_sort(out, {}, [](const WorkerView& one) {
        return one.facts.value(WorkerFact::Index);
    });
    return out;
}

void worker_json(const StatusView& view, JsonWriter& out) {
    out.begin_array("workers");
    for (const WorkerView& worker : workers_of(view)) {
        out.begin_object();
        out.value("worker", worker.facts.value(WorkerFact::Index));
        out.value("pid", worker.pid);
        out.value("slot", worker.slot.value);
        out.value("generation", worker.facts.value(WorkerFact::Generation));
        out.value("started", worker.facts.value(WorkerFact::Started));
        out.value("uptime", seconds_since(worker.facts.value(WorkerFact::Started), view.now));
        out.value("connections", worker.connections);
        out.value("restarts", worker.facts.value(WorkerFact::Restarts));
        out.end_object();
    }
    out.end_array();
}

void worker_prometheus(const StatusView& view, PrometheusWriter& out) {
    struct Family {
        std::string_view name;
        std::string_view type;
        std::string_view help;
        std::uint64_t (*value)(const WorkerView&);
    };
    static constexpr Family kFamilies[] = {
        {"sluice_worker_connections", "gauge", "Open connections of a worker.",
         [](const WorkerView& worker) { return worker.connections; }},
        {"sluice_worker_generation", "gauge", "Configuration that a worker serves by.",
         [](const WorkerView& worker) { return worker.facts.value(WorkerFact::Generation); }},
        {"sluice_worker_start_time_seconds", "gauge", "When a worker was born, Unix time.",
         [](const WorkerView& worker) { return worker.facts.value(WorkerFact::Started); }},
        {"sluice_worker_restarts", "gauge", "How often the worker of that index died before.",
         [](const WorkerView& worker) { return worker.facts.value(WorkerFact::Restarts); }},
    };
    const std::vector<WorkerView> workers = workers_of(view);
    for (const Family& family : kFamilies) {
        out.family(family.name, family.type, family.help);
        for (const WorkerView& worker : workers) {
            const std::string index = std::to_string(worker.facts.value(WorkerFact::Index));
            const std::string pid = std::to_string(worker.pid);
            const std::string slot = std::to_string(worker.slot.value);
            const std::array<Label, 3> labels = {Label{"worker", index}, Label{"pid", pid},
                                                 Label{"slot", slot}};
            out.sample(labels, family.value(worker));
        }
    }
}

// ---- log ----

struct LogCounts {
    std::uint64_t dropped = 0;
    std::uint64_t cut = 0;
};

LogCounts count_log(const shm::SharedLog& log) {
    LogCounts out;
    for (std::size_t i = 0; i < log.slots(); ++i) {
        const SlotId slot{static_cast<std::uint16_t>(i)};
        if (log.table().info(slot).epoch == 0) {
            continue;  // looking into lanes that nobody used would give them memory
        }
        for (const shm::Lane& lane : {log.errors_lane(slot), log.access_lane(slot)}) {
            out.dropped += lane.control->dropped.load(std::memory_order_relaxed);
            out.cut += lane.control->cut.load(std::memory_order_relaxed);
        }
    }
    return out;
}

void log_json(const StatusView& view, JsonWriter& out) {
    const LogCounts counts = count_log(view.station.log);
    out.begin_object("log");
    out.value("dropped", counts.dropped);
    out.value("cut", counts.cut);
    out.end_object();
}

void log_prometheus(const StatusView& view, PrometheusWriter& out) {
    const LogCounts counts = count_log(view.station.log);
    out.family("sluice_log_dropped_total", "counter",
               "Log records that were lost because the logger did not keep up.");
    out.sample(counts.dropped);
    out.family("sluice_log_cut_total", "counter", "Log records that were shortened.");
    out.sample(counts.cut);
}

// ---- counters ----

/// Calls `visit(group, index, row)` for each row that status pages show by its name.
template <class Visit>
void each_row(const StatusView& view, Visit visit) {
    for (const metrics::Group* const group : view.station.board.schema()) {
        for (std::size_t i = 0; i < group->rows.size(); ++i) {
            if (group->rows[i].kind != RowKind::Fact) {
                visit(*group, i, group->rows[i]);
            }
        }
    }
}

void counter_json(const StatusView& view, JsonWriter& out) {
    out.begin_object("counters");
    each_row(view, [&](const metrics::Group& group, std::size_t index, const metrics::Row& row) {
        out.value(row.name, view.station.sum(group, index));
    });
    out.end_object();
}

void counter_prometheus(const StatusView& view, PrometheusWriter& out) {
    each_row(view, [&](const metrics::Group& group, std::size_t index, const metrics::Row& row) {
        out.family(row.name, row.kind == RowKind::Gauge ? "gauge" : "counter", row.help);
        out.sample(view.station.sum(group, index));
    });
}

}  // namespace

ConnectionCounts count_connections(const metrics::Station& station) {
    return {.accepted = station.sum(net::kConnectionRows, ConnectionRow::Accepted),
            .handled = station.sum(net::kConnectionRows, ConnectionRow::Handled),
            .requests = station.sum(http::kHttpRows, http::HttpRow::Requests),
            .reading = station.sum(net::kConnectionRows, ConnectionRow::Reading),
            .writing = station.sum(net::kConnectionRows, ConnectionRow::Writing),
            .waiting = station.sum(net::kConnectionRows, ConnectionRow::Waiting)};
}

constexpr metrics::Section kProcessSection{"process", &process_json, &process_prometheus};
constexpr metrics::Section kConnectionSection{"connections", &connection_json,
                                              &connection_prometheus};
constexpr metrics::Section kWorkerSection{"workers", &worker_json, &worker_prometheus};
constexpr metrics::Section kLogSection{"log", &log_json, &log_prometheus};
constexpr metrics::Section kCounterSection{"counters", &counter_json, &counter_prometheus};

}  // namespace sluice::modules
