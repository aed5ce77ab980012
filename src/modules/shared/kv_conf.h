// SPDX-License-Identifier: BSD-2-Clause
// Settings of kv: the zones of keys and values, and what a location does with one.
// Runs in: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "conf/module.h"
#include "conf/tree.h"
#include "conf/zone_spec.h"
#include "script/template.h"
#include "shm/zone.h"

namespace sluice::modules {

inline constexpr std::uint64_t kLargestValue = 1024 * 1024;

/// Entry: as kv_entry.h says.
inline constexpr shm::ZoneKind kPairs{.name = "kv", .layout = 1, .cell_bytes = 256};

struct KvConf {
    bool is_on = false;
    std::string_view zone_name;
    conf::Position at;
    conf::ZoneSpec* zone = nullptr;  ///< found when frozen
    bool has_key = false;
    script::Template key;  ///< else what follows the location's name
    Millis ttl{0};         ///< of entries that name none; 0: for ever
    std::uint64_t most = kLargestValue;
};

extern const conf::ConfKind kKvKind;

}  // namespace sluice::modules
