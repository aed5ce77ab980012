// SPDX-License-Identifier: BSD-2-Clause
// TempFile: bytes that are too many for memory. It has no name unless one is asked for, so nothing
// is left behind however the worker ends.
// Runs in: worker.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::http {

/// Where temporary files go: a `*_temp_path` directive. The master makes the directory.
struct TempPath {
    std::string_view directory;  ///< absolute, NUL-terminated
    /// Digits of the names of subdirectories, 0: no such level. They only matter for files with
    /// names.
    std::array<std::uint8_t, 3> levels{};
};

struct TempFile {
    sys::UniqueFd fd;  ///< read and write
    std::string path;  ///< empty: the file has no name
};

/// A new file, its owner's alone. `is_named`: it stays in the directory when it is closed.
/// Fails: as open(2).
[[nodiscard]] Result<TempFile> open_temp_file(const TempPath& where, bool is_named);

}  // namespace sluice::http
