// SPDX-License-Identifier: BSD-2-Clause
// The rows of connections, as nginx's stub_status counts them.
// Runs in: worker.
#pragma once

#include "metrics/row.h"

namespace sluice::net {

enum class ConnectionRow : std::size_t { Accepted, Handled, Reading, Writing, Waiting };

inline constexpr metrics::Row kConnectionRowList[] = {
    {"sluice_connections_accepted_total", "Connections that were accepted."},
    {"sluice_connections_handled_total", "Accepted connections that a worker went on to serve."},
    {"sluice_connections_reading", "Connections whose request's head is being read.",
     metrics::RowKind::Gauge},
    {"sluice_connections_writing",
     "Connections whose request is being worked on or answered.", metrics::RowKind::Gauge},
    {"sluice_connections_waiting", "Connections that wait for their next request.",
     metrics::RowKind::Gauge},
};
inline constexpr metrics::GroupOf<ConnectionRow> kConnectionRows{{kConnectionRowList}};

}  // namespace sluice::net
