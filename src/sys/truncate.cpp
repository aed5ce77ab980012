// SPDX-License-Identifier: BSD-2-Clause
// Cutting a file.
// Runs in: any.
#include "sys/truncate.h"

#include <unistd.h>

namespace sluice::sys {

Result<> truncate(int fd, std::uint64_t size) {
    while (::ftruncate(fd, static_cast<off_t>(size)) != 0) {
        if (errno != EINTR) {
            return fail("ftruncate()");
        }
    }
    return {};
}

}  // namespace sluice::sys
