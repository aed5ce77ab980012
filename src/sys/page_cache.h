// SPDX-License-Identifier: BSD-2-Clause
// What is in memory already, and what would have to come from disk: the calls by which an event loop
// touches files without waiting for a device.
// Runs in: any.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include "base/error.h"
#include "sys/socket.h"

namespace sluice::sys {

/// pread(2) of what the page cache holds (preadv2 with RWF_NOWAIT): `is_blocked` where the first
/// byte would have to be waited for.
/// Fails: EOPNOTSUPP on file systems that cannot say.
[[nodiscard]] Result<Transfer> read_at_if_cached(int fd, std::span<char> into, off_t offset);
/// Whether `fd` is on a file system that has no device at all (tmpfs, ramfs).
[[nodiscard]] bool is_on_memory(int fd);
/// Says that the file will be read from front to end, so that the kernel reads further ahead.
void advise_sequential(int fd);
/// Lets go of cached pages of this range that nobody else uses now.
void advise_unneeded(int fd, off_t offset, std::size_t size);

}  // namespace sluice::sys
