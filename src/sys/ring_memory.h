// SPDX-License-Identifier: BSD-2-Clause
// Memory of rings: a piece of a memfd whose ring is mapped twice in a row, so that whatever runs over
// the ring's end is contiguous all the same.
// Runs in: any.
#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"
#include "sys/memory.h"

namespace sluice::sys {

/// Where a ring lies in a memfd: `head` bytes of words from `offset` on, `bytes` of ring behind them.
/// All three are multiples of the page size.
struct RingPlace {
    std::size_t offset = 0;
    std::size_t head = 0;
    std::size_t bytes = 0;
};

/// Maps head, ring and the ring once more, shared and writable.
[[nodiscard]] Result<Mapping> map_ring(int fd, const RingPlace& place);
/// Gives the memory of `bytes` (whole pages of a shared mapping) back to the kernel; they read as
/// zero from then on.
[[nodiscard]] Result<> discard(std::span<char> bytes);

}  // namespace sluice::sys
