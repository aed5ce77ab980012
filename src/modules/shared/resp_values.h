// SPDX-License-Identifier: BSD-2-Clause
// Values as the RESP commands read and change them.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "modules/shared/resp_command.h"

namespace sluice::modules {

/// Changes are tried again when somebody was quicker, but not for ever.
inline constexpr int kMostTries = 1000;

/// Replies with the value of `key` where it is there; counts the lookup. Nothing is written where it
/// is not, or the zone is busy.
[[nodiscard]] shm::ZoneValue reply_value(Call& call, std::string_view key);

/// Replies to whoever reads a key that is not there (null) or is busy.
void reply_absence(Call& call, shm::ZoneOutcome outcome);

/// Reads the whole entry of `key` into `call.worker.value`, which has that size afterwards.
[[nodiscard]] shm::ZoneValue read_entry(Call& call, std::string_view key);

/// The size of a key's value, and what else is known of it, without reading it. Counts the lookup.
struct ValueFacts {
    shm::ZoneOutcome outcome = shm::ZoneOutcome::Absent;
    std::size_t size = 0;
    Millis expires{0};  ///< monotonic; 0: never
};

[[nodiscard]] ValueFacts look_at(Call& call, std::string_view key);

}  // namespace sluice::modules
