// SPDX-License-Identifier: BSD-2-Clause
// ZoneFile: the entries of a zone in a file, from one run of the server to the next. A head with the
// zone's kind, the length of everything behind it and a checksum; then records. A file that is cut,
// changed, of another kind or no such file at all is refused whole, before anything is restored.
//
//     head (64 bytes) │ record: key length, value length, version, expiry (wall clock) │ key │ value │ …
//
// Runs in: logger (saving), master (restoring, before anybody uses the zone).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "shm/zone_user.h"

namespace sluice::shm {

/// Both clocks at one moment: a file tells times by the wall clock, a zone by the monotonic one.
struct ZoneClocks {
    Millis monotonic;
    Millis wall;
};

struct ZoneFileCounts {
    std::size_t entries = 0;
    std::size_t expired = 0;  ///< were over before they were restored
    std::size_t refused = 0;  ///< found no room
    std::size_t bytes = 0;    ///< of the file
};

/// Writes the zone's entries to `fd`, an empty file, and makes it durable (fsync).
/// Blocks: on the disk. Not for an event loop.
[[nodiscard]] Result<ZoneFileCounts> save_zone(ZoneUser& user,
                                               std::string_view kind,
                                               std::uint32_t layout,
                                               const ZoneClocks& clocks,
                                               int fd);

/// Puts the entries of the file's `bytes` into the zone.
/// Fails: a phrase that says what is wrong with the file; the zone is then as it was.
[[nodiscard]] std::expected<ZoneFileCounts, std::string> restore_zone(ZoneUser& user,
                                                                      std::string_view kind,
                                                                      std::uint32_t layout,
                                                                      const ZoneClocks& clocks,
                                                                      std::string_view bytes);

}  // namespace sluice::shm
