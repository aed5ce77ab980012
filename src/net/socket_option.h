// SPDX-License-Identifier: BSD-2-Clause
// Socket options with errors that name them: what listening sockets and connections to peers are
// set up with.
// Runs in: master (listening sockets), worker (connections).
#pragma once

#include <algorithm>

#include <climits>

#include "base/error.h"
#include "base/units.h"
#include "sys/socket.h"

namespace sluice::net {

/// Sets one option. Fails: the errors of setsockopt, told as those of `op`.
[[nodiscard]] inline Result<> set_named(int fd, int level, int name, int value, const char* op) {
    const Result<> done = sys::set_option(fd, level, name, value);
    return done ? done : fail(op, done.error().code);
}

/// A size as options take it; one that is too large becomes the largest.
[[nodiscard]] inline int to_option(Bytes bytes) {
    return static_cast<int>(std::min<std::uint64_t>(bytes.count, INT_MAX));
}

}  // namespace sluice::net
