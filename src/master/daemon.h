// SPDX-License-Identifier: BSD-2-Clause
// Daemon: goes to the background. The process that was started stays until the server serves or has
// failed, and exits with its verdict, so that a script knows.
// Runs in: master.
#pragma once

#include <optional>
#include <span>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// What became of this process.
struct Daemonized {
    std::optional<int> exit_code;  ///< set in the process that was started: exit with it
    sys::UniqueFd verdict;         ///< in the background process: where it says that it serves
};

/// Forks and detaches. Call before anything exists that a fork would have to share.
/// Blocks: the process that was started, until the other one serves or ends.
[[nodiscard]] Result<Daemonized> go_to_background();

/// Points descriptors at /dev/null.
[[nodiscard]] Result<> silence(std::span<const int> fds);

/// Says that the server serves; lets go of the terminal.
void report_serving(sys::UniqueFd verdict);

}  // namespace sluice::master
