// SPDX-License-Identifier: BSD-2-Clause
// Host names to addresses, by the machine's resolver.
// Runs in: master, while it reads a configuration; the command line. Blocks: on the network.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace sluice::sys {

/// Textual addresses of a host, each once: "127.0.0.1", "[::1]".
/// Fails: ENOENT no such host, EAGAIN no answer now, EIO otherwise.
[[nodiscard]] Result<std::vector<std::string>> resolve_host(const char* host);

}  // namespace sluice::sys
