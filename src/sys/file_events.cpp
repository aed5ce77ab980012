// SPDX-License-Identifier: BSD-2-Clause
// inotify.
// Runs in: any.
#include "sys/file_events.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "sys/fault.h"
#include "sys/file.h"

namespace sluice::sys {

std::optional<FileEvent> next_file_event(std::span<const char>& bytes) {
    inotify_event head{};
    if (bytes.size() < sizeof head) {
        return std::nullopt;
    }
    std::memcpy(&head, bytes.data(), sizeof head);
    const std::size_t size = sizeof head + head.len;
    if (size > bytes.size()) {
        return std::nullopt;
    }
    const char* const name = bytes.data() + sizeof head;
    bytes = bytes.subspan(size);
    return FileEvent{.watch = head.wd,
                     .mask = head.mask,
                     .name = {name, ::strnlen(name, head.len)}};
}

Result<int> watch_directory(int inotify, int directory, std::uint32_t mask) {
    if (has_fault(Fault::NoWatches)) [[unlikely]] {
        return fail("inotify_add_watch()", ENOSPC);
    }
    constexpr std::string_view kFolder = "/proc/self/fd/";
    std::array<char, 32> path{};
    kFolder.copy(path.data(), kFolder.size());
    std::to_chars(path.data() + kFolder.size(), path.data() + path.size() - 1, directory);
    return inotify_watch(inotify, path.data(), mask | IN_ONLYDIR);
}

}  // namespace sluice::sys
