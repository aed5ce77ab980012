// SPDX-License-Identifier: BSD-2-Clause
// splice and the size of pipes.
// Runs in: any.
#include "sys/splice.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

#include <climits>

namespace sluice::sys {

Result<Transfer> splice(int from, int to, std::size_t size) {
    for (;;) {
        const ssize_t moved =
            ::splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
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

Result<std::uint64_t> position(int file) {
    const off_t at = ::lseek(file, 0, SEEK_CUR);
    if (at < 0) {
        return fail("lseek()");
    }
    return static_cast<std::uint64_t>(at);
}

Result<> set_position(int file, std::uint64_t position) {
    if (::lseek(file, static_cast<off_t>(position), SEEK_SET) < 0) {
        return fail("lseek()");
    }
    return {};
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
