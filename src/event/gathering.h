// SPDX-License-Identifier: BSD-2-Clause
// Gathering: how long a loop may rest before it waits again, so that more events come together.
// Who serves each event as soon as it comes is woken for each, at the cost of whoever sends it, and
// handles alone what could go in one call. Where many sources take part, a rest that is short
// beside the time in which each of them comes once delays nobody: the others keep everybody busy.
//
//     events, items, sources of two milliseconds ─▶ the rest of the next two; 0 where it would not
//     pay
//
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace sluice::event {

class Gathering {
  public:
    /// What a rest is to bring.
    enum class Gain : std::uint8_t {
        FewerTurns,    ///< several sources' events in one turn
        LargerGroups,  ///< several items of one source in one event, as some have already
    };

    explicit Gathering(Gain gain) : gain_(gain) {}

    /// An event of the source that owns `seen_in` (0 at first, nobody else's business) in the turn
    /// that began at `now`; it brought `items`.
    void note(std::uint32_t& seen_in, std::size_t items, Millis now) {
        if (now - began_ >= kPeriod) [[unlikely]] {
            judge(now);
        }
        ++events_;
        items_ += items;
        if (seen_in != period_) {
            seen_in = period_;
            ++sources_;
        }
    }

    /// For Loop::allow_rest().
    [[nodiscard]] Nanos rest() const { return rest_; }

  private:
    static constexpr Millis kPeriod{2};
    /// Longer rests gain little more.
    static constexpr Nanos kLongest{100'000};
    /// A rest is at most this part of the time in which each source comes once.
    static constexpr std::uint64_t kPart = 4;
    /// It shall bring so many items, or to be woken again costs as much as it saves.
    static constexpr std::uint64_t kLeastItems = 4;

    void judge(Millis now);
    [[nodiscard]] Nanos rest_after(std::uint64_t elapsed) const;

    Gain gain_;
    std::uint32_t period_ = 1;
    Millis began_{0};
    std::uint64_t events_ = 0;
    std::uint64_t items_ = 0;
    std::uint64_t sources_ = 0;
    Nanos rest_{0};
};

}  // namespace sluice::event
