// SPDX-License-Identifier: BSD-2-Clause
// Difference: what a reload from one generation to another would open, close and change: addresses,
// logs, zones, settings of processes. The two may come from different masters, so everything is
// matched by name and never by id.
// Runs in: any; changed_rows in the master too.
#pragma once

#include <string>
#include <vector>

#include "conf/generation.h"
#include "conf/tree_difference.h"

namespace sluice::conf {

/// One address, log or zone.
struct ResourceChange {
    ChangeKind kind = ChangeKind::Changed;
    std::string name{};
    std::string detail{};  ///< "backlog 511 → 100"
    std::string note{};    ///< what an operator has to know; may be empty
    Position before{};   ///< in the old tree; line 0: nowhere
    Position after{};
};

[[nodiscard]] std::vector<ResourceChange> listener_changes(const Generation& old,
                                                           const Generation& next);
[[nodiscard]] std::vector<ResourceChange> sink_changes(const Generation& old,
                                                       const Generation& next);
[[nodiscard]] std::vector<ResourceChange> zone_changes(const Generation& old,
                                                       const Generation& next);

/// Rows of main and events that differ, written or by default, and apply otherwise than in place.
[[nodiscard]] std::vector<const Row*> changed_rows(const Generation& old, const Generation& next);

}  // namespace sluice::conf
