// SPDX-License-Identifier: BSD-2-Clause
// Backoff: how long to wait before a dead child is started again. One crash costs nothing; a child
// that cannot live must not keep a CPU busy with births.
// Runs in: master.
#pragma once

#include <algorithm>

#include "base/units.h"

namespace sluice::master {

class Backoff {
  public:
    /// A death sooner than this after birth is an early one.
    static constexpr Millis kEarly{1000};
    /// So many early deaths in a row are answered at once, the next ones with a pause.
    static constexpr unsigned kFree = 4;
    static constexpr Millis kFirstPause{100};
    static constexpr Millis kLongestPause{5000};

    /// Records the death of a child that lived for `lived`; gives the pause before the next birth.
    [[nodiscard]] Millis after_death(Millis lived) {
        if (lived >= kEarly) {
            early_deaths_ = 0;
            return Millis{0};
        }
        ++early_deaths_;
        if (early_deaths_ <= kFree) {
            return Millis{0};
        }
        const unsigned doublings = std::min(early_deaths_ - kFree - 1, 10U);
        return std::min(kFirstPause * (1 << doublings), kLongestPause);
    }

  private:
    unsigned early_deaths_ = 0;
};

}  // namespace sluice::master
