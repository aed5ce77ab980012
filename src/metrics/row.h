// SPDX-License-Identifier: BSD-2-Clause
// Row: one counter, declared beside the code that counts: its exported name and a sentence for
// operators. Rows of one place form a group that an enumeration indexes; the registry lists the
// groups, and the list is the layout of every process's lane.
//
//     enum class ConnectionCounter : std::size_t { Accepted, Handled };
//     constexpr metrics::Row kRows[] = {
//         {"sluice_connections_accepted_total", "Connections that were accepted."}, … };
//     constexpr metrics::GroupOf<ConnectionCounter> kConnectionRows{{kRows}};
//
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::metrics {

enum class RowKind : std::uint8_t {
    Counter,  ///< only grows; survives its process; readers sum all slots
    Gauge,    ///< how many now; dies with its process; readers sum the living
    Fact,     ///< one process's own (its generation, its birth); nobody sums it
};

/// Longest name of a row and its end.
inline constexpr std::size_t kRowNameRoom = 64;

struct Row {
    std::string_view name;  ///< as Prometheus shows it; counters end in `_total`
    std::string_view help;
    RowKind kind = RowKind::Counter;
};

/// The rows of one place. Its address is its identity.
struct Group {
    std::span<const Row> rows;
};

/// A group whose rows stand in the order of `Enum`.
template <class Enum>
struct GroupOf : Group {};

/// The groups of a program, in the order of their cells in a lane.
using Schema = std::span<const Group* const>;

}  // namespace sluice::metrics
