// SPDX-License-Identifier: BSD-2-Clause
// Memfds that only ever become shorter.
// Runs in: any.
#pragma once

#include "base/error.h"

namespace sluice::sys {

/// Forbids for good that the memfd becomes longer; it may still be made shorter, by truncate().
[[nodiscard]] Result<> seal_growth(int fd);

}  // namespace sluice::sys
