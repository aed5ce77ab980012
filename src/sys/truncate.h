// SPDX-License-Identifier: BSD-2-Clause
// Cutting a file.
// Runs in: any. Blocks: on the file system.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace sluice::sys {

/// Cuts, or extends, the file to `size` bytes.
[[nodiscard]] Result<> truncate(int fd, std::uint64_t size);

}  // namespace sluice::sys
