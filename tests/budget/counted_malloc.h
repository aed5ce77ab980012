// SPDX-License-Identifier: BSD-2-Clause
// A malloc that tells of every allocation: the program says what it does with the news. glibc lets a
// program replace malloc and still reach its own by these names. For one source file per program.
// Runs in: tests.
#pragma once

#include <cstddef>

namespace sluice::budget {

/// Defined by the program; called before each allocation, in every thread.
void note_allocation();

}  // namespace sluice::budget

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

void* malloc(std::size_t size) {
    sluice::budget::note_allocation();
    return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
    sluice::budget::note_allocation();
    return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) {
    sluice::budget::note_allocation();
    return __libc_realloc(old, size);
}
}
