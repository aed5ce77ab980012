// SPDX-License-Identifier: BSD-2-Clause
// ProcessConf: the settings of main and events that shape processes rather than requests.
// Runs in: any; the master acts on most of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "conf/facts.h"
#include "conf/generation.h"
#include "conf/module.h"
#include "conf/row.h"

namespace sluice::conf {

enum class ReloadMode : std::uint8_t {
    InPlace,  ///< living workers take the new configuration over
    Replace,  ///< new workers are started and old ones retire, as nginx does
};

struct UserName {
    std::string_view name;
    Account account;
};

/// worker_cpu_affinity: empty: not pinned by configuration.
struct Affinity {
    bool is_auto = false;
    std::vector<std::vector<int>> masks;  ///< one list of CPUs per worker; the last one repeats
};

struct EnvEntry {
    std::string_view name;
    std::string_view value;
    bool has_value = false;
};

/// thread_pool: one pool per worker, as large as the largest of those that were named.
struct ThreadPools {
    std::uint32_t threads = 32;
    std::uint32_t max_queue = 65536;
    std::vector<std::string_view> names;  ///< those declared; "default" exists unsaid
};

struct ProcessConf {
    Setting<UserName> user;
    Setting<std::uint32_t> worker_processes;  ///< `auto` is resolved
    Setting<std::uint64_t> worker_rlimit_nofile;
    Setting<Bytes> worker_rlimit_core;
    Setting<Affinity> worker_cpu_affinity;
    Setting<std::int64_t> worker_priority;
    Setting<Millis> worker_shutdown_timeout;  ///< 0: none
    Setting<std::string_view> pid;            ///< absolute path
    Setting<bool> daemon;
    Setting<bool> master_process;
    Setting<ReloadMode> reload_mode;
    Setting<std::string_view> working_directory;
    Setting<std::vector<EnvEntry>> env;
    Setting<std::uint32_t> worker_connections;
    Setting<bool> multi_accept;
    Setting<bool> gather;
    Setting<ThreadPools> thread_pools;
};

inline constexpr std::string_view kDefaultPidFile = "logs/sluice.pid";

extern const Module kProcessModule;

/// The settings of a generation.
[[nodiscard]] inline const ProcessConf& process_conf(const Generation& generation) {
    return generation.main_level().conf<ProcessConf>();
}

}  // namespace sluice::conf
