// SPDX-License-Identifier: BSD-2-Clause
// LinePrefix: what stands before the text of an error log line that a process prints by itself:
// `2026/11/21 04:27:40 [notice] 1234#0: `.
// Runs in: any.
#pragma once

#include <string>
#include <sys/types.h>

#include "base/units.h"
#include "log/level.h"

namespace sluice::log {

/// The prefix for a line of process `pid` at `wall` (milliseconds since 1970), in local time that
/// is `utc_offset` seconds east of UTC.
[[nodiscard]] std::string line_prefix(Millis wall, int utc_offset, Level level, pid_t pid);

}  // namespace sluice::log
