// SPDX-License-Identifier: BSD-2-Clause
// CPUs that this container or session may really use: affinity, and the quota of cgroups v1 and v2.
// `worker_processes auto` counts these, not the machine's.
// Runs in: master.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::master {

struct CpuShare {
    std::vector<int> allowed;     ///< by affinity
    std::optional<double> quota;  ///< CPUs' worth of time, where a cgroup limits it
};

/// Asks the kernel.
[[nodiscard]] CpuShare cpu_share();

/// Workers for `auto`: the quota rounded up, at most the allowed CPUs, at least one.
[[nodiscard]] std::size_t count_for(const CpuShare& share);

/// The group of this process as /proc/self/cgroup tells it.
struct CgroupPaths {
    std::optional<std::string> unified;  ///< v2: the path of line "0::"
    std::optional<std::string> cpu;      ///< v1: the path of the line that has controller "cpu"
};

[[nodiscard]] CgroupPaths parse_cgroup_file(std::string_view text);
/// v2 cpu.max: "max 100000" or "150000 100000".
[[nodiscard]] std::optional<double> parse_cpu_max(std::string_view text);
/// v1 cpu.cfs_quota_us ("-1": none) and cpu.cfs_period_us.
[[nodiscard]] std::optional<double> parse_cfs(std::string_view quota, std::string_view period);
/// `path` and its ancestors, deepest first: "/a/b" gives "/a/b", "/a", "".
[[nodiscard]] std::vector<std::string> ancestors(std::string_view path);

}  // namespace sluice::master
