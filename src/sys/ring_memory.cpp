// SPDX-License-Identifier: BSD-2-Clause
// Memory of rings.
// Runs in: any.
#include "sys/ring_memory.h"

#include <sys/mman.h>

namespace sluice::sys {

namespace {

bool map_at(char* at, std::size_t size, int fd, std::size_t offset) {
    return ::mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                  static_cast<off_t>(offset)) != MAP_FAILED;
}

}  // namespace

Result<Mapping> map_ring(int fd, const RingPlace& place) {
    const std::size_t once = place.head + place.bytes;
    const std::size_t size = once + place.bytes;
    // The addresses are taken first, so that nothing else can come to lie among them.
    void* const at = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return fail("mmap()");
    }
    Mapping whole(at, size);
    char* const first = whole.bytes().data();
    if (!map_at(first, once, fd, place.offset) ||
        !map_at(first + once, place.bytes, fd, place.offset + place.head)) {
        return fail("mmap()");
    }
    return whole;
}

Result<> discard(std::span<char> bytes) {
    if (::madvise(bytes.data(), bytes.size(), MADV_REMOVE) != 0) {
        return fail("madvise(MADV_REMOVE)");
    }
    return {};
}

}  // namespace sluice::sys
