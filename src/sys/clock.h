// SPDX-License-Identifier: BSD-2-Clause
// Readings of the kernel's clocks.
// Runs in: any.
#pragma once

#include "base/units.h"

namespace sluice::sys {

/// Monotonic clock; never steps back.
[[nodiscard]] Millis monotonic_now();
[[nodiscard]] Nanos monotonic_nanos();
/// Wall clock, milliseconds since 1970; may step.
[[nodiscard]] Millis wall_now();
/// The same as of the kernel's last tick (up to 10 ms ago); never a system call, on any machine.
[[nodiscard]] Millis wall_now_coarse();
/// Sleeps for so long; shorter where a signal that is not blocked comes, longer by the slack.
void rest(Nanos time);
/// By how much the kernel may wake this thread later than asked for.
void set_timer_slack(Nanos slack);
/// Seconds east of UTC at `when`, by the machine's time zone.
[[nodiscard]] int utc_offset_seconds(UnixSeconds when);

}  // namespace sluice::sys
