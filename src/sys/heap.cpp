// SPDX-License-Identifier: BSD-2-Clause
// The heap, where the C library lets its free pages go.
// Runs in: any.
#include "sys/heap.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace sluice::sys {

void trim_heap() {
#ifdef __GLIBC__
    static_cast<void>(::malloc_trim(0));
#endif
}

}  // namespace sluice::sys
