// SPDX-License-Identifier: BSD-2-Clause
// Cutting a file.
// Runs in: any. Blocks: on the file system.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace sluice::sys {

/// Cuts, or extends, the file to `size` bytes.
/// Of a memfd: whoever reads or sends from behind finds the end; what a socket or a pipe still
/// holds of the pages stays as it was.
[[nodiscard]] Result<> truncate(int fd, std::uint64_t size);

}  // namespace sluice::sys
