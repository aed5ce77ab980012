// SPDX-License-Identifier: BSD-2-Clause
// Memfds that only ever become shorter.
// Runs in: any.
#include "sys/shrinking.h"

#include <fcntl.h>

namespace sluice::sys {

Result<> seal_growth(int fd) {
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return fail("fcntl(F_ADD_SEALS)");
    }
    return {};
}

}  // namespace sluice::sys
