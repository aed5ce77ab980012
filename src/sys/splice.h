// SPDX-License-Identifier: BSD-2-Clause
// splice and the size of pipes: bytes from socket to socket that never come into our memory.
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "sys/socket.h"

namespace sluice::sys {

/// splice(2) between a pipe and something else, never waiting. is_blocked: the source is empty or
/// the destination is full; is_end: the source has ended. There is no MSG_NOSIGNAL here, so SIGPIPE
/// must be blocked or ignored.
[[nodiscard]] Result<Transfer> splice(int from, int to, std::size_t size);
/// The file's position, which all descriptors of one opening share, and splice() into the file moves
/// on by what it moved: also that of a process that died in it.
[[nodiscard]] Result<std::uint64_t> position(int file);
[[nodiscard]] Result<> set_position(int file, std::uint64_t position);
/// Asks for room of `size` bytes; gives what the pipe has now. Fails with EPERM where the user has
/// too many pages in pipes already; the pipe is as it was.
[[nodiscard]] Result<std::size_t> set_pipe_size(int pipe, std::size_t size);

}  // namespace sluice::sys
