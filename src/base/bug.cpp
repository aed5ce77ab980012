// SPDX-License-Identifier: BSD-2-Clause
// The last words of a process that found its own state broken.
// Runs in: any.
#include "base/bug.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {

void die_of_bug(const char* file, int line, const char* sentence) {
    std::fprintf(stderr, "sluice: bug at %s:%d: %s\n", file, line, sentence);
    std::abort();
}

}  // namespace sluice
