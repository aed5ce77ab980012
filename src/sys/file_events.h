// SPDX-License-Identifier: BSD-2-Clause
// inotify(7): what the kernel tells of changes in directories.
// Runs in: any.
#pragma once

#include <sys/inotify.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::sys {

/// One change, IN_* in `mask`.
struct FileEvent {
    int watch = -1;
    std::uint32_t mask = 0;
    std::string_view name;  ///< in the watched directory; empty: the directory itself
};

/// Takes the first event off the `bytes` that read() gave; nothing when none is left.
/// Lives: as long as the bytes.
[[nodiscard]] std::optional<FileEvent> next_file_event(std::span<const char>& bytes);

/// Watches the directory that `directory` is open on (O_PATH will do), without a path lookup of its
/// own that could wait for a disk. Gives the watch, the same for the same directory.
/// Fails: ENOSPC at the user's limit of watches; ENOENT where /proc is not mounted.
[[nodiscard]] Result<int> watch_directory(int inotify, int directory, std::uint32_t mask);

}  // namespace sluice::sys
