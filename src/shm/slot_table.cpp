// SPDX-License-Identifier: BSD-2-Clause
// The slot table's compare-and-swaps.
// Runs in: any; claim and release only in the master.
#include "shm/slot_table.h"

namespace sluice::shm {

namespace {

constexpr std::uint32_t kEpochMask = 0xff'ffff;

std::uint64_t pack(pid_t keeper, std::uint32_t epoch, SlotState state) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(keeper)) << 32) |
           (static_cast<std::uint64_t>(epoch & kEpochMask) << 8) |
           static_cast<std::uint64_t>(state);
}

pid_t keeper_of(std::uint64_t word) {
    return static_cast<pid_t>(static_cast<std::uint32_t>(word >> 32));
}

std::uint32_t epoch_in(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> 8) & kEpochMask;
}

SlotState state_of(std::uint64_t word) {
    return static_cast<SlotState>(word & 0xff);
}

}  // namespace

std::optional<SlotId> SlotTable::claim(pid_t keeper) {
    for (const pid_t wanted : {keeper, pid_t{0}}) {
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            if (take_if(slots_[i], wanted, keeper)) {
                return SlotId{static_cast<std::uint16_t>(i)};
            }
        }
    }
    return std::nullopt;
}

bool SlotTable::take_if(Slot& slot, pid_t expected_keeper, pid_t keeper) {
    std::uint64_t word = slot.word.load(std::memory_order_acquire);
    if (state_of(word) != SlotState::Free || keeper_of(word) != expected_keeper) {
        return false;
    }
    const std::uint64_t taken = pack(keeper, epoch_in(word) + 1, SlotState::Claimed);
    if (!slot.word.compare_exchange_strong(word, taken, std::memory_order_acq_rel)) {
        return false;
    }
    slot.pid.store(0, std::memory_order_relaxed);
    slot.start_time.store(0, std::memory_order_relaxed);
    // The keeper's logger may be asleep without having seen this slot: the first line wakes it.
    slot.is_logger_asleep.store(1, std::memory_order_release);
    return true;
}

void SlotTable::assign(SlotId id, pid_t pid, std::uint64_t start_time) {
    Slot& owned = slot(id);
    owned.pid.store(pid, std::memory_order_relaxed);
    owned.start_time.store(start_time, std::memory_order_relaxed);
    const std::uint64_t word = owned.word.load(std::memory_order_relaxed);
    owned.word.store(pack(keeper_of(word), epoch_in(word), SlotState::Live),
                     std::memory_order_release);
}

void SlotTable::release(SlotId id) {
    Slot& owned = slot(id);
    const std::uint64_t word = owned.word.load(std::memory_order_relaxed);
    owned.word.store(pack(keeper_of(word), epoch_in(word), SlotState::Free),
                     std::memory_order_release);
}

void SlotTable::forget_keeper(pid_t keeper) {
    for (Slot& candidate : slots_) {
        std::uint64_t word = candidate.word.load(std::memory_order_acquire);
        if (keeper_of(word) == keeper && state_of(word) == SlotState::Free) {
            candidate.word.compare_exchange_strong(word, pack(0, epoch_in(word), SlotState::Free),
                                                   std::memory_order_acq_rel);
        }
    }
}

bool SlotTable::adopt(SlotId id, pid_t dead_keeper, pid_t new_keeper) {
    Slot& orphan = slot(id);
    std::uint64_t word = orphan.word.load(std::memory_order_acquire);
    if (state_of(word) == SlotState::Free || keeper_of(word) != dead_keeper) {
        return false;
    }
    const std::uint64_t taken = pack(new_keeper, epoch_in(word) + 1, SlotState::Free);
    return orphan.word.compare_exchange_strong(word, taken, std::memory_order_acq_rel);
}

SlotInfo SlotTable::info(SlotId id) const {
    const Slot& shown = slot(id);
    const std::uint64_t word = shown.word.load(std::memory_order_acquire);
    return {.keeper = keeper_of(word),
            .pid = shown.pid.load(std::memory_order_relaxed),
            .start_time = shown.start_time.load(std::memory_order_relaxed),
            .epoch = epoch_in(word),
            .state = state_of(word)};
}

std::uint32_t SlotTable::epoch_of(SlotId id) const {
    return id.value < slots_.size() ? info(id).epoch : 0;
}

bool SlotTable::is_alive(std::uint32_t slot, std::uint32_t epoch) const {
    if (slot >= slots_.size()) {
        return slots_.empty() && epoch == 0;
    }
    const SlotInfo now = info(SlotId{static_cast<std::uint16_t>(slot)});
    return now.epoch == epoch && now.state != SlotState::Free;
}

}  // namespace sluice::shm
