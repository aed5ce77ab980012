// SPDX-License-Identifier: BSD-2-Clause
// What `listen` means in every protocol: its address, and the options of the socket.
// Runs in: any (while a configuration is compiled).
#pragma once

#include <string>
#include <vector>

#include "conf/build.h"
#include "conf/listen_spec.h"
#include "conf/tree.h"

namespace sluice::conf {

enum class SocketOption : std::uint8_t {
    Taken,
    Unknown,  ///< none of the socket's: the protocol's own, or a mistake
    Wrong,    ///< an error was reported
};

/// Reads `backlog=`, `rcvbuf=`, `reuseport` and their kin into `out`.
[[nodiscard]] SocketOption read_socket_option(Build& build,
                                              const Argument& argument,
                                              ListenOptions& out);

/// The canonical keys ("0.0.0.0:80") of what stands first in `listen`: several for a name with
/// several addresses, none where an error was reported. `default_port` 0: the port must be written.
[[nodiscard]] std::vector<std::string> read_listen_address(Build& build,
                                                           const Argument& argument,
                                                           int default_port);

}  // namespace sluice::conf
