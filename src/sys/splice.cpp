// SPDX-License-Identifier: BSD-2-Clause
// splice and the size of pipes.
// Runs in: any.
#include "sys/splice.h"

#include <algorithm>
#include <fcntl.h>

#include <climits>

namespace sluice::sys {

namespace {

Result<Transfer> splice_at(int from, int to, loff_t* offset, std::size_t size) {
    for (;;) {
        const ssize_t moved =
            ::splice(from, nullptr, to, offset, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (moved >= 0) {
            return Transfer{.size = static_cast<std::size_t>(moved),
                            .is_end = moved == 0 && size > 0};
        }
        if (errno == EAGAIN) {
            return Transfer{.is_blocked = true};
        }
        if (errno != EINTR) {
            return fail("splice()");
        }
    }
}

}  // namespace

Result<Transfer> splice(int from, int to, std::size_t size) {
    return splice_at(from, to, nullptr, size);
}

Result<Transfer> splice_to_file(int pipe, int file, off_t offset, std::size_t size) {
    loff_t at = offset;
    return splice_at(pipe, file, &at, size);
}

Result<std::size_t> set_pipe_size(int pipe, std::size_t size) {
    const int wanted = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
    const int got = ::fcntl(pipe, F_SETPIPE_SZ, wanted);
    if (got < 0) {
        return fail("fcntl(F_SETPIPE_SZ)");
    }
    return static_cast<std::size_t>(got);
}

}  // namespace sluice::sys
