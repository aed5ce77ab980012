// SPDX-License-Identifier: BSD-2-Clause
// Opening a path by the rules of disable_symlinks: which symbolic links on the way may be followed.
// It knows no cache and touches nothing shared.
// Runs in: worker, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::modules {

/// How far symbolic links are followed.
enum class Links : std::uint8_t {
    Follow,        ///< anywhere
    Beneath,       ///< not out of the part of the path that is exempt
    Refuse,        ///< none behind that part
    RefuseForeign  ///< none behind that part whose owner is not its target's
};

/// A path and how many bytes of it are exempt: for Beneath the directory that may not be left.
struct FilePath {
    std::string_view text;      ///< absolute, NUL-terminated
    std::size_t root_size = 0;  ///< 0: nothing is exempt
};

/// Opens it; `flags` of open(2), `resolve` further RESOLVE_* bits. Magic links of /proc are never
/// followed.
/// Fails: ELOOP or EXDEV for a link that may not be followed; else as open(2).
[[nodiscard]] Result<sys::UniqueFd> open_by_path(const FilePath& path,
                                                 Links links,
                                                 int flags,
                                                 std::uint64_t resolve = 0);

}  // namespace sluice::modules
