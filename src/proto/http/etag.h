// SPDX-License-Identifier: BSD-2-Clause
// Entity tags of files: "<mtime>-<size>" in hexadecimal, the form that nginx gives, so that a
// mixed fleet of servers agrees on validators.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"

namespace sluice::http {

inline constexpr std::size_t kMaxEtagSize = 2 + 16 + 1 + 16;

/// The tag of a file, quotes included, written into `out`.
/// Lives: as long as `out`.
[[nodiscard]] std::string_view make_etag(UnixSeconds modified,
                                         std::uint64_t size,
                                         std::span<char, kMaxEtagSize> out);

}  // namespace sluice::http
