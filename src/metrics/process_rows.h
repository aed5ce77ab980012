// SPDX-License-Identifier: BSD-2-Clause
// The rows that processes fill in about themselves: who works in a slot, and what became of reloads.
// Runs in: any.
#pragma once

#include "metrics/row.h"

namespace sluice::metrics {

/// Facts of one worker.
enum class WorkerFact : std::size_t { IsWorker, Index, Generation, Started, Restarts };

inline constexpr Row kWorkerFactRows[] = {
    {"sluice_worker", "1 in the slot of a worker process.", RowKind::Fact},
    {"sluice_worker_index", "Which of worker_processes this is, from 0.", RowKind::Fact},
    {"sluice_worker_generation", "Generation that the worker serves new requests by.",
     RowKind::Fact},
    {"sluice_worker_start_time_seconds", "When the worker was born, Unix time.", RowKind::Fact},
    {"sluice_worker_restarts", "How often a worker of that index died and was started again.",
     RowKind::Fact},
};
inline constexpr GroupOf<WorkerFact> kWorkerFacts{{kWorkerFactRows}};

/// Facts and counters of a master.
enum class MasterRow : std::size_t {
    ReloadsAccepted,
    ReloadsRefused,
    WorkerRestarts,
    Generation,
    Started,
    LastReload,
    LastReloadAccepted,
};

inline constexpr Row kMasterRowList[] = {
    {"sluice_reloads_accepted_total", "Reloads whose configuration serves or served."},
    {"sluice_reloads_refused_total", "Reloads that were refused; the generation before served on."},
    {"sluice_worker_restarts_total", "Workers that died unasked and were started again."},
    {"sluice_master_generation", "Generation that new requests are served by.", RowKind::Fact},
    {"sluice_master_start_time_seconds", "When the master was born, Unix time.", RowKind::Fact},
    {"sluice_master_last_reload_time_seconds", "When the last reload ended, Unix time; 0: none.",
     RowKind::Fact},
    {"sluice_master_last_reload_accepted", "1 where the last reload was accepted.", RowKind::Fact},
};
inline constexpr GroupOf<MasterRow> kMasterRows{{kMasterRowList}};

}  // namespace sluice::metrics
