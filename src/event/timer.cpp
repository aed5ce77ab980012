// SPDX-License-Identifier: BSD-2-Clause
// TimerWheel: filing, finding the next slot, emptying slots level by level.
// Runs in: any.
#include "event/timer.h"

#include <algorithm>
#include <bit>

namespace sluice::event {

std::uint64_t TimerWheel::ticks(Millis when) {
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(when.count(), 0)), kNever);
}

// The level is that of the highest digit (base 64) in which the entry's tick differs from now. So
// every entry of a level lies ahead of the level's current slot, and no slot ever wraps around.
void TimerWheel::file(Timer& timer) {
    const std::uint64_t tick = ticks(timer.deadline);
    timer.filed_at = timer.deadline;
    if (tick <= now_) {
        due_.push_back(timer);
        return;
    }
    const auto highest_bit = static_cast<unsigned>(std::bit_width(tick ^ now_)) - 1;
    const unsigned level = highest_bit / kLevelBits;
    const auto slot = static_cast<std::size_t>(tick >> (level * kLevelBits)) % kSlots;
    soonest_ = std::min(soonest_, tick >> (level * kLevelBits) << (level * kLevelBits));
    levels_[level].occupied |= std::uint64_t{1} << slot;
    levels_[level].slots[slot].push_back(timer);
}

void TimerWheel::advance(Millis now) {
    const std::uint64_t target = std::max(ticks(now), now_);
    if (target < soonest_ && due_.empty()) [[likely]] {
        now_ = target;
        return;
    }
    fire_due();
    std::optional<Place> place = first_occupied();
    for (; place && place->start <= target; place = first_occupied()) {
        now_ = place->start;
        empty_slot(*place);
        fire_due();
    }
    soonest_ = place ? place->start : kNoTick;
    now_ = target;
}

std::optional<Millis> TimerWheel::next_deadline() const {
    const std::uint64_t tick = due_.empty() ? soonest_ : now_;
    if (tick == kNoTick) {
        return std::nullopt;
    }
    return Millis(static_cast<std::int64_t>(tick));
}

// Lower levels lie wholly before the next slot of a higher one, so the first hit is the earliest.
std::optional<TimerWheel::Place> TimerWheel::first_occupied() {
    for (unsigned level = 0; level < kLevels; ++level) {
        Level& here = levels_[level];
        while (here.occupied != 0) {
            const auto slot = static_cast<unsigned>(std::countr_zero(here.occupied));
            if (here.slots[slot].empty()) {
                here.occupied &= here.occupied - 1;
                continue;
            }
            const unsigned shift = level * kLevelBits;
            const std::uint64_t above = now_ >> (shift + kLevelBits) << (shift + kLevelBits);
            return Place{above | std::uint64_t{slot} << shift, level, slot};
        }
    }
    return std::nullopt;
}

// Each entry is filed by its deadline of today: due now, further down, or, where it was moved
// meanwhile, anywhere.
void TimerWheel::empty_slot(const Place& place) {
    Level& level = levels_[place.level];
    level.occupied &= ~(std::uint64_t{1} << place.slot);
    while (Timer* const timer = level.slots[place.slot].pop_front()) {
        file(*timer);
    }
}

// What a callback arms in the past waits for the next advance(): it could keep us here for ever.
void TimerWheel::fire_due() {
    Entries firing;
    firing.splice(due_);
    while (Timer* const timer = firing.pop_front()) {
        if (ticks(timer->deadline) > now_) {
            file(*timer);
        } else if (timer->fire != nullptr) {
            timer->fire(*timer);
        }
    }
}

}  // namespace sluice::event
