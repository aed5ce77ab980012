// SPDX-License-Identifier: BSD-2-Clause
// Affinity and cgroup quotas.
// Runs in: master.
#include "master/cpus.h"

#include <algorithm>
#include <cmath>

#include "base/ascii.h"
#include "base/error.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

constexpr std::size_t kSmallFile = 64 * 1024;

std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

std::string content(const std::string& path) {
    return sys::read_file(path.c_str(), kSmallFile).value_or("");
}

std::optional<double> smaller(std::optional<double> a, std::optional<double> b) {
    return a && b ? std::min(*a, *b) : (a ? a : b);
}

/// The tightest quota from the group up: a parent's limit binds its children.
template <class Read>
std::optional<double> tightest(const std::string& path, Read read) {
    std::optional<double> quota;
    for (const std::string& group : ancestors(path)) {
        quota = smaller(quota, read(group));
    }
    return quota;
}

std::optional<double> quota_of_this_process() {
    const CgroupPaths paths = parse_cgroup_file(content("/proc/self/cgroup"));
    std::optional<double> quota;
    if (paths.unified) {
        quota = tightest(*paths.unified, [](const std::string& group) {
            return parse_cpu_max(content("/sys/fs/cgroup" + group + "/cpu.max"));
        });
    }
    if (paths.cpu) {
        for (const std::string mount : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}) {
            quota = smaller(quota, tightest(*paths.cpu, [&](const std::string& group) {
                                return parse_cfs(content(mount + group + "/cpu.cfs_quota_us"),
                                                 content(mount + group + "/cpu.cfs_period_us"));
                            }));
        }
    }
    return quota;
}

}  // namespace

CpuShare cpu_share() {
    return CpuShare{.allowed = sys::allowed_cpus().value_or(std::vector<int>{0}),
                    .quota = quota_of_this_process()};
}

std::size_t count_for(const CpuShare& share) {
    const std::size_t allowed = std::max<std::size_t>(share.allowed.size(), 1);
    if (!share.quota) {
        return allowed;
    }
    const double wanted = std::clamp(std::ceil(*share.quota), 1.0, static_cast<double>(allowed));
    return static_cast<std::size_t>(wanted);
}

CgroupPaths parse_cgroup_file(std::string_view text) {
    CgroupPaths out;
    while (!text.empty()) {
        const std::string_view line = first_line(text);
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::size_t first = line.find(':');
        const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
        if (second == line.npos) {
            continue;
        }
        const std::string controllers =
            "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
        const std::string path(line.substr(second + 1));
        if (line.starts_with("0::")) {
            out.unified = path;
        } else if (controllers.find(",cpu,") != std::string::npos) {
            out.cpu = path;
        }
    }
    return out;
}

std::optional<double> parse_cpu_max(std::string_view text) {
    const std::string_view line = trim(first_line(text));
    const std::size_t space = line.find(' ');
    if (space == line.npos) {
        return std::nullopt;
    }
    return parse_cfs(line.substr(0, space), line.substr(space + 1));
}

std::optional<double> parse_cfs(std::string_view quota, std::string_view period) {
    const std::optional<std::uint64_t> time = parse_decimal(trim(first_line(quota)));
    const std::optional<std::uint64_t> whole = parse_decimal(trim(first_line(period)));
    if (!time || !whole || *time == 0 || *whole == 0) {
        return std::nullopt;  // "max" and "-1" are no numbers, which is what no quota means
    }
    return static_cast<double>(*time) / static_cast<double>(*whole);
}

std::vector<std::string> ancestors(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty() && path != "/") {
        out.emplace_back(path);
        path = path.substr(0, path.rfind('/') == path.npos ? 0 : path.rfind('/'));
    }
    out.emplace_back();
    return out;
}

}  // namespace sluice::master
