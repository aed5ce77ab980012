// SPDX-License-Identifier: BSD-2-Clause
// SlotTable: which process owns which place in the shared regions. A slot is claimed by
// compare-and-swap, because in an upgrade two masters share one table, and released after its
// owner was reaped. What a dead owner left in its lanes stays there for its master's logger.
// Runs in: any; claim and release only in the master.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <sys/types.h>

#include "base/units.h"

namespace sluice::shm {

/// A life of a slot: Free → Claimed (the master is about to fork) → Live (has a pid) → Free.
enum class SlotState : std::uint8_t { Free = 0, Claimed = 1, Live = 2 };

/// One slot as it lies in shared memory.
struct alignas(64) Slot {
    /// keeper's pid (32 bits) · epoch (24) · SlotState (8); changed by compare-and-swap only.
    std::atomic<std::uint64_t> word{0};
    std::atomic<std::int32_t> pid{0};
    /// Not 0 while the keeper's logger sleeps and wants its eventfd written.
    std::atomic<std::uint32_t> is_logger_asleep{0};
    /// The owner's start time as /proc tells it, which makes a reused pid recognisable.
    std::atomic<std::uint64_t> start_time{0};
};

static_assert(sizeof(Slot) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

/// A slot as read at one moment.
struct SlotInfo {
    pid_t keeper = 0;  ///< the master whose logger drains this slot; 0: never used
    pid_t pid = 0;     ///< the owner; 0 while only claimed
    std::uint64_t start_time = 0;
    std::uint32_t epoch = 0;  ///< counts claims, modulo 2^24
    SlotState state = SlotState::Free;
};

/// View of the slots of one region.
/// Lives: as long as the region's mapping.
class SlotTable {
  public:
    SlotTable() = default;

    explicit SlotTable(std::span<Slot> slots) : slots_(slots) {}

    /// Takes a free slot for `keeper`, the calling master: first one that it kept before, then one
    /// that nobody keeps. A slot that another master keeps is never taken: its lanes may still
    /// hold lines for the other logger. Nothing where none is free.
    [[nodiscard]] std::optional<SlotId> claim(pid_t keeper);
    /// Records the process that owns a claimed slot from now on.
    void assign(SlotId id, pid_t pid, std::uint64_t start_time);
    /// Frees a slot whose owner was reaped. The keeper stays recorded.
    void release(SlotId id);
    /// Makes the free slots of a dead master available to everybody; call after its logger is
    /// gone. Slots with a recorded owner stay.
    void forget_keeper(pid_t keeper);
    /// Takes over, as a free slot, one whose owner and keeper are both dead.
    /// False where someone else was faster or the slot was free already.
    [[nodiscard]] bool adopt(SlotId id, pid_t dead_keeper, pid_t new_keeper);

    [[nodiscard]] SlotInfo info(SlotId id) const;

    /// Which life `id` is in: what a worker writes beside what it holds in shared memory, so that
    /// others can tell it from the slot's next owner. 0 where the table has no such slot.
    [[nodiscard]] std::uint32_t epoch_of(SlotId id) const;
    /// Whether the owner that wrote `slot` and `epoch` has not been reaped: the slot is taken and
    /// in the same life. Pids play no part, for a new owner may have the old one's. Both numbers
    /// come out of shared memory and may be anything. An empty table is that of a process which
    /// shares with nobody: its own life, 0, goes on.
    [[nodiscard]] bool is_alive(std::uint32_t slot, std::uint32_t epoch) const;

    [[nodiscard]] bool is_kept_by(SlotId id, pid_t keeper) const {
        return info(id).keeper == keeper;
    }

    [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

    [[nodiscard]] Slot& slot(SlotId id) const { return slots_[id.value]; }

  private:
    bool take_if(Slot& slot, pid_t expected_keeper, pid_t keeper);

    std::span<Slot> slots_;
};

}  // namespace sluice::shm
