// SPDX-License-Identifier: BSD-2-Clause
// Settings of kv: the zones of keys and values, and what a location does with one.
// Runs in: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "conf/build.h"
#include "conf/module.h"
#include "conf/tree.h"
#include "conf/zone_spec.h"
#include "script/template.h"
#include "shm/zone.h"

namespace sluice::modules {

inline constexpr std::uint64_t kLargestValue = 1024 * 1024;

/// Entry: as kv_entry.h says.
inline constexpr shm::ZoneKind kPairs{.name = "kv", .layout = 1, .cell_bytes = 256};

/// What `kv` says in http and stream alike.
struct KvService {
    bool is_on = false;
    std::string_view zone_name;
    conf::Position at;
    conf::ZoneSpec* zone = nullptr;  ///< found when frozen
    std::uint64_t most = 0;          ///< bytes of a value
};

enum class KvOption : std::uint8_t {
    Taken,
    Unknown,  ///< or not as it must be
    Wrong,    ///< an error was reported
};

/// What they differ in.
struct KvOptions {
    /// Reads an argument that only this one has.
    KvOption (*own)(conf::Build& build, const conf::Argument& argument, KvService& service);
    std::uint64_t most;         ///< the largest "max="
    std::string_view expected;  ///< of an argument
};

/// Reads the directive; the zone is found when all zones are known. False: an error was reported.
bool read_kv(conf::Build& build,
             const conf::Directive& directive,
             const KvOptions& options,
             KvService& service);

struct KvConf : KvService {
    KvConf() { most = kLargestValue; }

    bool has_key = false;
    script::Template key;  ///< else what follows the location's name
    Millis ttl{0};         ///< of entries that name none; 0: for ever
};

extern const conf::ConfKind kKvKind;

}  // namespace sluice::modules
