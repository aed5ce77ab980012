// SPDX-License-Identifier: BSD-2-Clause
// Times as variables give them. Nearly every log line has one, so they are written digit by digit.
// Runs in: worker.
#pragma once

#include <cstdint>

#include "base/arena.h"
#include "base/units.h"
#include "script/variable.h"

namespace sluice::script {

/// "12.345". `millis` is not negative.
[[nodiscard]] Value seconds_text(Arena& arena, std::int64_t millis);
/// "21/Nov/2026:18:40:22 +0100", by the machine's time zone.
[[nodiscard]] Value log_time_text(Arena& arena, Millis wall);
/// "2026-11-21T18:40:22+01:00", by the machine's time zone.
[[nodiscard]] Value iso_time_text(Arena& arena, Millis wall);

}  // namespace sluice::script
