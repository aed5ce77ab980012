// SPDX-License-Identifier: BSD-2-Clause
// What `listen` means in every protocol: its address, the options of the socket, and who has it.
// Runs in: any (while a configuration is compiled).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/build.h"
#include "conf/listen_spec.h"
#include "conf/tree.h"

namespace sluice::conf {

/// What stands behind the address, in every protocol.
struct ListenReading {
    ListenOptions options;
    bool has_options = false;  ///< of the socket
    bool is_default = false;
};

enum class ListenOption : std::uint8_t {
    Taken,
    Unknown,  ///< none that all protocols have: the protocol's own, or a mistake
    Wrong,    ///< an error was reported
};

/// Reads `default_server`, `backlog=`, `rcvbuf=`, `reuseport` and their kin into `out`.
[[nodiscard]] ListenOption read_listen_option(Build& build,
                                              const Argument& argument,
                                              ListenReading& out);

/// Reports what nobody knows, or what a later version will (`later`). Always false.
bool refuse_listen_option(Build& build,
                          const Argument& argument,
                          std::span<const std::string_view> later,
                          std::string_view expected);

/// The canonical keys ("0.0.0.0:80") of what stands first in `listen`: several for a name with
/// several addresses, none where an error was reported. `default_port` 0: the port must be written.
[[nodiscard]] std::vector<std::string> read_listen_address(Build& build,
                                                           const Argument& argument,
                                                           int default_port);

struct ListenClaim {
    std::string_view key;
    std::string_view protocol;
    std::string_view rival;  ///< the block that has the address where another protocol has it
};

/// Declares the address for a protocol, with the options that were read; null: an error was
/// reported.
[[nodiscard]] ListenSpec* claim_listen(Build& build,
                                       const Directive& directive,
                                       const ListenClaim& claim,
                                       const ListenReading& reading);

}  // namespace sluice::conf
