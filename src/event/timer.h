// SPDX-License-Identifier: BSD-2-Clause
// TimerWheel: all deadlines of one loop, in a hierarchical wheel of millisecond ticks. Arming,
// moving and disarming cost O(1), however many timers there are; a deadline moved later, which is
// what every request does to its connection, costs one store.
// Runs in: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/list.h"
#include "base/units.h"

namespace sluice::event {

/// One deadline. Derive from it (or embed it); destroying it disarms it.
struct Timer : ListHook {
    using Fire = void (*)(Timer&);

    Fire fire = nullptr;  ///< runs once per arming; it may arm again, or destroy the timer
    Millis deadline{0};   ///< monotonic; read only: change it through TimerWheel::arm
    Millis filed_at{0};   ///< the wheel's: where the entry lies, never later than the deadline

    [[nodiscard]] bool is_armed() const { return is_linked(); }
};

/// The wheel. Time is the monotonic clock; it moves only through advance().
class TimerWheel {
  public:
    explicit TimerWheel(Millis now) : now_(ticks(now)) {}

    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// Lets `timer` fire in the first advance() to `deadline` or later, never before it. A deadline
    /// in the past fires in the next advance(). An armed timer is moved; moving it later only
    /// stores the deadline, and the entry is filed anew when its early place comes up.
    void arm(Timer& timer, Millis deadline) {
        timer.deadline = deadline;
        if (timer.is_armed() && timer.filed_at <= deadline) {
            return;
        }
        file(timer);
    }

    /// Takes the timer out; nothing happens to one that is not armed.
    static void disarm(Timer& timer) { timer.unlink(); }

    /// Fires every timer whose deadline is at or before `now`, in the order of their ticks. A `now`
    /// before the last one only fires what was armed in the past.
    void advance(Millis now);

    /// When advance() is due next: never later than the earliest deadline, sometimes earlier.
    [[nodiscard]] std::optional<Millis> next_deadline() const;

  private:
    // 64^7 ms are 139 years of uptime; a later deadline is "never".
    static constexpr unsigned kLevels = 7;
    static constexpr unsigned kLevelBits = 6;
    static constexpr std::size_t kSlots = std::size_t{1} << kLevelBits;
    static constexpr std::uint64_t kNever = (std::uint64_t{1} << (kLevels * kLevelBits)) - 1;

    using Entries = IntrusiveList<Timer>;

    struct Level {
        std::uint64_t occupied = 0;  ///< a set bit may be stale: its entries left by themselves
        std::array<Entries, kSlots> slots;
    };

    struct Place {
        std::uint64_t start = 0;
        unsigned level = 0;
        unsigned slot = 0;
    };

    static std::uint64_t ticks(Millis when);
    void file(Timer& timer);
    [[nodiscard]] std::optional<Place> first_occupied();
    void empty_slot(const Place& place);
    void fire_due();

    static constexpr std::uint64_t kNoTick = UINT64_MAX;

    std::uint64_t now_;
    /// No entry of levels_ lies in a slot that starts earlier; too early where timers have left.
    std::uint64_t soonest_ = kNoTick;
    Entries due_;
    std::array<Level, kLevels> levels_;
};

}  // namespace sluice::event
