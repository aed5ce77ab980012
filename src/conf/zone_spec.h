// SPDX-License-Identifier: BSD-2-Clause
// ZoneSpec: one shared zone that a configuration asks for. The master keeps a zone for each `id`;
// every process maps it when it takes a generation, and features find it here.
// Runs in: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "conf/tree.h"

namespace sluice::conf {

/// What a zone's entries are, as the feature's shm::ZoneKind says; this room knows no zones.
struct ZoneUse {
    std::string_view kind{};
    std::uint32_t layout = 1;
    std::uint32_t cell_bytes = 128;
    friend bool operator==(const ZoneUse&, const ZoneUse&) = default;
};

struct ZoneSpec {
    ZoneId id{};  ///< the same for the same name, use, size and shards
    std::string_view name{};
    ZoneUse use{};
    std::uint64_t bytes = 0;
    std::uint32_t shards = 16;
    /// What the keys mean ("$remote_addr"): a zone in use cannot get other ones.
    std::string_view keys{};
    std::string_view directive{};  ///< that declares it, for messages
    std::string_view state_path{};  ///< zone_state; empty: not kept
    Millis state_interval{0};       ///< saved that often while serving; 0: at the end only
    Position at{};
    void* attached = nullptr;  ///< a worker's way to it (shm::ZoneUser); null elsewhere
};

}  // namespace sluice::conf
