// SPDX-License-Identifier: BSD-2-Clause
// What is counted of datagrams, beside the sessions that they belong to.
// Runs in: worker.
#pragma once

#include "metrics/row.h"

namespace sluice::dgram {

enum class DatagramRow : std::size_t { Received, Dropped, Unsent, Evicted, Refused };

inline constexpr metrics::Row kDatagramRowList[] = {
    {"sluice_datagrams_received_total", "Datagrams that came to listening sockets."},
    {"sluice_datagrams_dropped_total",
     "Datagrams that were not passed on: beyond proxy_upload_rate, before the session was decided, "
     "too long, or without a session to be had."},
    {"sluice_datagrams_unsent_total", "Datagrams that the kernel did not take."},
    {"sluice_datagram_sessions_evicted_total",
     "Sessions of one datagram that ended early because worker_connections was reached."},
    {"sluice_datagram_sessions_refused_total",
     "Datagrams of new clients that found worker_connections reached and no session to end."},
};
inline constexpr metrics::GroupOf<DatagramRow> kDatagramRows{{kDatagramRowList}};

}  // namespace sluice::dgram
