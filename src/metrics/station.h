// SPDX-License-Identifier: BSD-2-Clause
// Station: what one process holds of the statistics: the board, its own slot, and the table that
// tells which slots live. Counting uses the own lane; status pages read everybody's.
// Runs in: master, worker.
#pragma once

#include <cstdint>

#include "base/units.h"
#include "metrics/board.h"
#include "shm/shared_log.h"

namespace sluice::metrics {

/// Lives: both references outlive it.
struct Station {
    const Board& board;
    const shm::SharedLog& log;
    SlotId slot;

    /// The own cells of a group.
    template <class Enum>
    [[nodiscard]] Counters<Enum> counters(const GroupOf<Enum>& group) const {
        return board.counters(slot, group);
    }

    /// Whether the slot's owner lives and has begun to count: then its gauges and facts are true.
    [[nodiscard]] bool is_live(SlotId other) const;
    /// A counter of all slots, or a gauge of all living ones.
    [[nodiscard]] std::uint64_t sum(const Group& group, std::size_t row) const;

    template <class Enum>
    [[nodiscard]] std::uint64_t sum(const GroupOf<Enum>& group, Enum row) const {
        return sum(static_cast<const Group&>(group), static_cast<std::size_t>(row));
    }

    /// The slot of the master that this process belongs to (its own, in a master); nothing while
    /// that is unknown.
    [[nodiscard]] std::optional<SlotId> master() const;
};

}  // namespace sluice::metrics
