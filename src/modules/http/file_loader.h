// SPDX-License-Identifier: BSD-2-Clause
// File loader: opens a file and learns what the cache keeps of it: facts, the bytes of a small one,
// a descriptor of a larger one. It knows no cache and touches nothing shared, so that it runs in the
// loop, where it gives up rather than wait for a disk, and in a thread of the pool, where it waits.
// Runs in: worker, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "modules/http/path_opening.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace sluice::modules {

enum class Want : std::uint8_t {
    Facts,    ///< what statx tells
    Content,  ///< also a descriptor or the bytes of a regular file
};

enum class Patience : std::uint8_t {
    None,  ///< only what is in memory
    Full,  ///< may wait for a device or a network; never in the loop where it can be helped
};

struct FileRequest {
    FilePath path;
    Links links = Links::Follow;
    Want want = Want::Content;
    std::uint64_t memory_limit = 0;  ///< bytes of a regular file up to which it is read
    bool reads_ahead = false;        ///< tell the kernel that a larger one is read from front to end
};

/// Owner: whoever loaded it.
struct LoadedFile {
    int error = 0;  ///< errno of the opening; then nothing below counts
    sys::FileInfo info;
    sys::UniqueFd fd;               ///< of a regular file that is not in `bytes`
    std::unique_ptr<char[]> bytes;  ///< info.size of them
    bool has_content = false;       ///< fd or bytes are there
};

/// Loads a file; nothing where that needs more patience.
/// Blocks: with Patience::Full, for as long as the file system takes.
[[nodiscard]] std::optional<LoadedFile> load_file(const FileRequest& request, Patience patience);

/// The tests' slow disk: a name with "hang" in it hangs until a file with ".go" behind it exists.
/// Only where that fault is on.
void hang_for_tests(const FilePath& path);

}  // namespace sluice::modules
