// SPDX-License-Identifier: BSD-2-Clause
// Memfds that only ever become shorter.
// Runs in: any.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace sluice::sys {

/// Forbids for good that the memfd becomes longer; it may still be made shorter.
[[nodiscard]] Result<> seal_growth(int fd);
/// Makes a file end at `size`, a multiple of a page. Whoever reads or sends from behind it finds the
/// end; what a socket or a pipe still holds of the pages stays as it was.
[[nodiscard]] Result<> shrink(int fd, std::uint64_t size);

}  // namespace sluice::sys
