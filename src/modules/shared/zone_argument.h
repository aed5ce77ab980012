// SPDX-License-Identifier: BSD-2-Clause
// zone=NAME:SIZE as the directives of shared zones have it, and the way from a name to the zone.
// Runs in: any (settings), worker (zone_of).
#pragma once

#include <cstdint>
#include <string_view>

#include "conf/build.h"
#include "conf/tree.h"
#include "conf/zone_spec.h"
#include "shm/zone_user.h"

namespace sluice::modules {

/// A zone that a directive wants.
struct ZoneArgument {
    std::string_view name;
    std::uint64_t bytes = 0;
    std::uint32_t shards = 16;
};

/// Reads the text behind "zone=" into `out`; false: an error was reported.
bool parse_zone(conf::Build& build, const conf::Argument& argument, ZoneArgument& out);
/// Reads a size for `out`, whose name is known; false: an error was reported.
bool parse_zone_size(conf::Build& build,
                     const conf::Argument& argument,
                     std::string_view text,
                     ZoneArgument& out);
/// Reads the text behind "shards=".
bool parse_shards(conf::Build& build, const conf::Argument& argument, ZoneArgument& out);

/// Declares it, for the features and for zone_state; null: an error was reported.
conf::ZoneSpec* declare_zone(conf::Build& build,
                             const conf::Directive& directive,
                             const ZoneArgument& zone,
                             const shm::ZoneKind& kind,
                             std::string_view keys);

/// The zone of that name if it is of `kind`; else reports an error at `use`. Call when frozen, as
/// zones may be declared behind their uses.
conf::ZoneSpec* find_zone(conf::Build& build,
                          conf::Position use,
                          std::string_view name,
                          const shm::ZoneKind& kind);

/// This worker's way to the zone.
[[nodiscard]] inline shm::ZoneUser& zone_of(const conf::ZoneSpec& spec) {
    return *static_cast<shm::ZoneUser*>(spec.attached);
}

}  // namespace sluice::modules
