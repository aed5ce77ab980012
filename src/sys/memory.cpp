// SPDX-License-Identifier: BSD-2-Clause
// Shared memory.
// Runs in: any.
#include "sys/memory.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace sluice::sys {

Mapping::~Mapping() {
    if (at_ != nullptr) {
        ::munmap(at_, size_);
    }
}

Result<UniqueFd> memfd(const char* name, std::size_t size) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) {
        return fail("memfd_create()");
    }
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
        return fail("ftruncate()");
    }
    return fd;
}

Result<> seal(int fd) {
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    if (::fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
        return fail("fcntl(F_ADD_SEALS)");
    }
    return {};
}

Result<> seal_size(int fd) {
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return fail("fcntl(F_ADD_SEALS)");
    }
    return {};
}

Result<Mapping> map_shared(int fd, std::size_t size, bool is_writable) {
    const int protection = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* const at = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return fail("mmap()");
    }
    return Mapping(at, size);
}

}  // namespace sluice::sys
