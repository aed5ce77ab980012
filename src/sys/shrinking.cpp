// SPDX-License-Identifier: BSD-2-Clause
// Memfds that only ever become shorter.
// Runs in: any.
#include "sys/shrinking.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace sluice::sys {

Result<> seal_growth(int fd) {
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return fail("fcntl(F_ADD_SEALS)");
    }
    return {};
}

Result<> shrink(int fd, std::uint64_t size) {
    while (::ftruncate(fd, static_cast<off_t>(size)) != 0) {
        if (errno != EINTR) {
            return fail("ftruncate()");
        }
    }
    return {};
}

}  // namespace sluice::sys
