// SPDX-License-Identifier: BSD-2-Clause
// Upgrade: what one master hands to the program file that will follow it (USR2): the listening
// sockets, the shared zones and the shared log, as descriptors that one environment variable names.
// Runs in: master.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/error.h"
#include "master/custody.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// The variable. Its value: the old master's pid, the descriptor of the shared log, then a line
/// "<fd> <member> <key>" for each socket.
inline constexpr std::string_view kUpgradeVariable = "SLUICE_UPGRADE";
/// Begins the keys of shared zones among the sockets'.
inline constexpr std::string_view kZoneHeirloom = "zone:";

/// A heirloom whose key begins so is a shared region. An older program takes it for a socket that
/// its configuration does not name, and closes it.
inline constexpr std::string_view kMemoryKey = "memory:";
inline constexpr std::string_view kMetricsMemory = "metrics";

/// The heirloom of a shared region.
[[nodiscard]] Heirloom memory_heirloom(std::string_view name, int fd);

/// What a new program found.
struct Inheritance {
    struct Socket {
        std::string key;
        std::uint16_t member = 0;
        sys::UniqueFd fd;
    };

    /// A shared region, by the name of what it holds.
    struct Memory {
        std::string name;
        sys::UniqueFd fd;
    };

    std::optional<pid_t> parent;  ///< the old master; none: an ordinary start
    sys::UniqueFd shared_log;
    std::vector<Socket> sockets;
    std::vector<Memory> memory;

    /// Takes the region of that name; not open where there is none.
    [[nodiscard]] sys::UniqueFd take_memory(std::string_view name);
};

/// The variable's value as text; descriptors are numbered from 3 in the order of the list.
[[nodiscard]] std::string describe(pid_t parent, const std::vector<Heirloom>& heirlooms);

/// The numbers in such a text, nothing owned yet. Nothing for text that is not ours.
struct Description {
    pid_t parent = 0;
    int shared_log = -1;
    std::vector<Heirloom> sockets;
};

[[nodiscard]] std::optional<Description> parse_description(std::string_view text);

/// Takes over the descriptors that the variable names, close-on-exec from now on.
[[nodiscard]] Inheritance take_inheritance();

/// Starts the program file `arguments[0]` anew with everything it needs.
[[nodiscard]] Result<pid_t> start_heir(const std::vector<std::string>& arguments,
                                       int shared_log,
                                       const std::vector<Heirloom>& heirlooms);

}  // namespace sluice::master
