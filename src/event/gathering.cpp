// SPDX-License-Identifier: BSD-2-Clause
// Gathering: what the last period says of the next.
// Runs in: worker.
#include "event/gathering.h"

#include <algorithm>

namespace sluice::event {

void Gathering::judge(Millis now) {
    rest_ =
        rest_after(static_cast<std::uint64_t>(std::max((now - began_).count(), Millis::rep{1})));
    began_ = now;
    events_ = items_ = sources_ = 0;
    ++period_;
}

/// `elapsed` is in ms: longer than the period where there was a pause, which makes the rate small.
Nanos Gathering::rest_after(std::uint64_t elapsed) const {
    constexpr std::uint64_t kNanosPerMilli = 1'000'000;
    const bool has_groups = 2 * items_ >= 3 * events_;
    if (events_ == 0 || (gain_ == Gain::LargerGroups && !has_groups)) {
        return Nanos(0);
    }
    const std::uint64_t cycle = elapsed * kNanosPerMilli * sources_ / events_;
    const std::uint64_t rest =
        std::min(cycle / kPart, static_cast<std::uint64_t>(kLongest.count()));
    if (rest * items_ < kLeastItems * elapsed * kNanosPerMilli) {
        return Nanos(0);
    }
    return Nanos(static_cast<std::int64_t>(rest));
}

}  // namespace sluice::event
