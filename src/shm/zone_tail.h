// SPDX-License-Identifier: BSD-2-Clause
// The tail of a zone without cells (ZoneKind::cell_bytes 0). Such a zone has no entries: its shards are
// plain memory of its users, and behind them its descriptor goes on for longer than anybody can fill.
// Users write there downwards and give back what they need no longer by making the descriptor shorter,
// for good: whoever is late, even in the kernel, meets the end of the file there, never other bytes.
// Runs in: any. The master does not look into such a zone, whose length workers can change.
#pragma once

#include <cstdint>

namespace sluice::shm {

/// Where the tail of a new zone ends. A file may be longer, but a place in it has to stay a positive
/// number; 36 years at 1 GB/s.
inline constexpr std::uint64_t kZoneTailEnd = std::uint64_t{1} << 60;

}  // namespace sluice::shm
