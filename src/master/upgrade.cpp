// SPDX-License-Identifier: BSD-2-Clause
// Handing over to a new program file.
// Runs in: master.
#include "master/upgrade.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/ascii.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

constexpr int kFirstFd = 3;

/// Cuts the part before `separator` off `text`; the whole where there is none.
std::string_view cut(std::string_view& text, char separator) {
    const std::size_t at = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return part;
}

std::optional<int> small_number(std::string_view text, int most) {
    const std::optional<std::uint64_t> value = parse_decimal(text);
    if (!value || *value > static_cast<std::uint64_t>(most)) {
        return std::nullopt;
    }
    return static_cast<int>(*value);
}

/// The same file under a close-on-exec descriptor.
sys::UniqueFd adopt(int fd) {
    Result<sys::UniqueFd> own = sys::duplicate(fd);
    sys::close_fd(fd);
    return own ? std::move(*own) : sys::UniqueFd();
}

}  // namespace

std::string describe(pid_t parent, const std::vector<Heirloom>& heirlooms) {
    std::string text = fmt::format("{}\n{}\n", parent, kFirstFd);
    int fd = kFirstFd + 1;
    for (const Heirloom& heirloom : heirlooms) {
        text += fmt::format("{} {} {}\n", fd++, heirloom.member, heirloom.key);
    }
    return text;
}

std::optional<Description> parse_description(std::string_view text) {
    constexpr int kMost = std::numeric_limits<int>::max();
    const std::optional<int> parent = small_number(cut(text, '\n'), kMost);
    const std::optional<int> log = small_number(cut(text, '\n'), kMost);
    if (!parent || *parent <= 1 || !log || *log < kFirstFd) {
        return std::nullopt;
    }
    Description out{.parent = *parent, .shared_log = *log, .sockets = {}};
    while (!text.empty()) {
        std::string_view line = cut(text, '\n');
        const std::optional<int> fd = small_number(cut(line, ' '), kMost);
        const std::optional<int> member = small_number(cut(line, ' '), 0xffff);
        if (!fd || *fd < kFirstFd || !member || line.empty()) {
            return std::nullopt;
        }
        out.sockets.push_back(
            {.key = std::string(line), .member = static_cast<std::uint16_t>(*member), .fd = *fd});
    }
    return out;
}

Heirloom memory_heirloom(std::string_view name, int fd) {
    return {std::string(kMemoryKey).append(name), 0, fd};
}

sys::UniqueFd Inheritance::take_memory(std::string_view name) {
    const auto found = std::ranges::find(memory, name, &Memory::name);
    return found == memory.end() ? sys::UniqueFd() : std::move(found->fd);
}

Inheritance take_inheritance() {
    Inheritance out;
    const std::string name(kUpgradeVariable);
    const std::optional<std::string> text = sys::environment_value(name.c_str());
    const std::optional<Description> found = text ? parse_description(*text) : std::nullopt;
    if (!found || found->parent != sys::parent_pid()) {
        return out;
    }
    out.parent = found->parent;
    out.shared_log = adopt(found->shared_log);
    for (const Heirloom& heirloom : found->sockets) {
        sys::UniqueFd fd = adopt(heirloom.fd);
        if (!fd.is_open()) {
            continue;
        }
        if (heirloom.key.starts_with(kMemoryKey)) {
            out.memory.push_back({heirloom.key.substr(kMemoryKey.size()), std::move(fd)});
        } else {
            out.sockets.push_back({heirloom.key, heirloom.member, std::move(fd)});
        }
    }
    return out;
}

Result<pid_t> start_heir(const std::vector<std::string>& arguments,
                         int shared_log,
                         const std::vector<Heirloom>& heirlooms) {
    sys::SpawnPlan plan;
    plan.arguments = arguments;
    plan.searches_path = arguments.front().find('/') == std::string::npos;
    plan.fds = {0, 1, 2, shared_log};
    for (const Heirloom& heirloom : heirlooms) {
        plan.fds.push_back(heirloom.fd);
    }
    const std::string prefix = std::string(kUpgradeVariable) + "=";
    plan.environment = sys::whole_environment();
    std::erase_if(plan.environment,
                  [&](const std::string& entry) { return entry.starts_with(prefix); });
    plan.environment.push_back(prefix + describe(sys::own_pid(), heirlooms));
    return sys::spawn(plan);
}

}  // namespace sluice::master
