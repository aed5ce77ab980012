// SPDX-License-Identifier: BSD-2-Clause
// Reading directories.
// Runs in: any. Blocks: on the file system.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "sys/socket.h"

namespace sluice::sys {

/// getdents64(2): as many entries of the open directory as `into` takes; is_end behind the last.
[[nodiscard]] Result<Transfer> read_directory(int fd, std::span<char> into);

/// Takes the first name off the `bytes` that read_directory() gave; nothing when none is left.
/// "." and ".." are among them. Lives: as long as the bytes.
[[nodiscard]] std::optional<std::string_view> next_name(std::span<const char>& bytes);

}  // namespace sluice::sys
