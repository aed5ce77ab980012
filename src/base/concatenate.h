// SPDX-License-Identifier: BSD-2-Clause
// concatenate: several texts as one, in an arena.
// Runs in: any.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "base/arena.h"

namespace sluice {

/// `parts` one after the other, NUL-terminated.
/// Lives: as the arena. Fails: data() == nullptr where that is full.
[[nodiscard]] inline std::string_view concatenate(Arena& arena,
                                                  std::span<const std::string_view> parts) {
    std::size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size();
    }
    char* const out = static_cast<char*>(arena.allocate(size + 1, 1));
    if (out == nullptr) {
        return {};
    }
    char* at = out;
    for (const std::string_view part : parts) {
        at = std::ranges::copy(part, at).out;
    }
    *at = '\0';
    return {out, size};
}

}  // namespace sluice
