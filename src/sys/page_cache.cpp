// SPDX-License-Identifier: BSD-2-Clause
// Page cache.
// Runs in: any.
#include "sys/page_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace sluice::sys {

Result<Transfer> read_at_if_cached(int fd, std::span<char> into, off_t offset) {
    const iovec piece{into.data(), into.size()};
    ssize_t size = 0;
    do {
        size = ::preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        if (errno == EAGAIN) {
            return Transfer{.is_blocked = true};
        }
        return fail("preadv2()");
    }
    return Transfer{.size = static_cast<std::size_t>(size), .is_end = size == 0};
}

bool is_on_memory(int fd) {
    struct statfs info {};
    return ::fstatfs(fd, &info) == 0 &&
           (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

void advise_sequential(int fd) {
    static_cast<void>(::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
}

void advise_unneeded(int fd, off_t offset, std::size_t size) {
    static_cast<void>(::posix_fadvise(fd, offset, static_cast<off_t>(size), POSIX_FADV_DONTNEED));
}

}  // namespace sluice::sys
