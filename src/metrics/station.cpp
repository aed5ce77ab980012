// SPDX-License-Identifier: BSD-2-Clause
// Reading everybody's counters.
// Runs in: master, worker.
#include "metrics/station.h"

namespace sluice::metrics {

bool Station::is_live(SlotId other) const {
    if (other.value >= log.slots()) {
        return false;
    }
    const shm::SlotInfo info = log.table().info(other);
    return info.state == shm::SlotState::Live && board.epoch(other) == info.epoch;
}

std::uint64_t Station::sum(const Group& group, std::size_t row) const {
    if (group.rows[row].kind == RowKind::Counter) {
        return board.sum(group, row);
    }
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < board.slots(); ++i) {
        const SlotId other{static_cast<std::uint16_t>(i)};
        const std::span<Cell> lane = is_live(other) ? board.cells(other, group) : std::span<Cell>();
        out += row < lane.size() ? lane[row].load(std::memory_order_relaxed) : 0;
    }
    return out;
}

std::optional<SlotId> Station::master() const {
    const pid_t keeper = log.table().info(slot).keeper;
    for (std::size_t i = 0; i < log.slots(); ++i) {
        const SlotId other{static_cast<std::uint16_t>(i)};
        const shm::SlotInfo info = log.table().info(other);
        if (info.pid == keeper && keeper != 0 && is_live(other)) {
            return other;
        }
    }
    return std::nullopt;
}

}  // namespace sluice::metrics
