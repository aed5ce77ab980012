// SPDX-License-Identifier: BSD-2-Clause
// RespWorker: what all RESP clients of a worker share: memory that is only used while one of them is
// served, and counters.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "event/loop.h"
#include "metrics/cell.h"
#include "metrics/row.h"
#include "metrics/station.h"
#include "proto/resp/byte_buffer.h"
#include "proto/resp/request_parser.h"

namespace sluice::modules {

enum class RespRow : std::size_t { Clients, Commands, Hits, Misses, Errors };

inline constexpr metrics::Row kRespRowList[] = {
    {"sluice_resp_clients", "Clients of kv in stream that are connected.", metrics::RowKind::Gauge},
    {"sluice_resp_commands_total", "Commands that clients of kv in stream gave."},
    {"sluice_resp_hits_total", "Keys that their commands read and that were there."},
    {"sluice_resp_misses_total", "Keys that their commands read and that were not there."},
    {"sluice_resp_errors_total", "Commands that were answered with an error."},
};
inline constexpr metrics::GroupOf<RespRow> kRespRows{{kRespRowList}};

struct RespWorker {
    static constexpr std::size_t kInputBlock = 4 * 1024;
    static constexpr std::size_t kOutputBlock = 32 * 1024;
    static constexpr std::size_t kScratch = 64 * 1024;

    /// Both outlive it; `the_station` may be null: then nobody counts.
    RespWorker(const event::Loop& the_loop, const metrics::Station* the_station)
        : loop(the_loop), station(the_station) {
        if (station != nullptr) {
            counters = station->counters(kRespRows);
        }
    }

    const event::Loop& loop;
    const metrics::Station* station;
    resp::BlockPool inputs{kInputBlock};    ///< of requests that came in pieces
    resp::BlockPool outputs{kOutputBlock};  ///< of replies until they have gone
    std::array<char, kScratch> scratch;     ///< where input comes to first
    resp::Request request;                  ///< the one that is served
    std::string value;                      ///< a value while it is changed
    std::string keys;                       ///< records of a scan
    metrics::Counters<RespRow> counters;
};

}  // namespace sluice::modules
