// SPDX-License-Identifier: BSD-2-Clause
// Reading directories.
// Runs in: any.
#include "sys/directory.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace sluice::sys {

namespace {

// linux_dirent64, which no header has: inode, offset, length of the record, type, name.
constexpr std::size_t kLengthAt = 16;
constexpr std::size_t kNameAt = 19;

}  // namespace

Result<Transfer> read_directory(int fd, std::span<char> into) {
    const long got = ::syscall(SYS_getdents64, fd, into.data(), into.size());
    if (got < 0) {
        return fail("getdents64()");
    }
    return Transfer{.size = static_cast<std::size_t>(got), .is_end = got == 0};
}

std::optional<std::string_view> next_name(std::span<const char>& bytes) {
    if (bytes.size() <= kNameAt) {
        return std::nullopt;
    }
    std::uint16_t length = 0;
    std::memcpy(&length, bytes.data() + kLengthAt, sizeof length);
    if (length <= kNameAt || length > bytes.size()) {
        return std::nullopt;
    }
    const char* const name = bytes.data() + kNameAt;
    bytes = bytes.subspan(length);
    return std::string_view(name, ::strnlen(name, length - kNameAt));
}

}  // namespace sluice::sys
