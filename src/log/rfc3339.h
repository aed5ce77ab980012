// SPDX-License-Identifier: BSD-2-Clause
// Time stamps of RFC 3339 with milliseconds, in local time: `2026-11-21T04:27:40.123+01:00`.
// Runs in: any.
#pragma once

#include <string>

#include "base/units.h"

namespace sluice::log {

/// `wall`: milliseconds since 1970. Times before 1970 or past the year 9999 are written as the
/// nearest that can be.
[[nodiscard]] std::string rfc3339(Millis wall);
/// The same, `utc_offset` seconds east of UTC.
[[nodiscard]] std::string rfc3339(Millis wall, int utc_offset);

}  // namespace sluice::log
