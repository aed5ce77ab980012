// SPDX-License-Identifier: BSD-2-Clause
// Inputs of several parts, a line each.
// Runs in: tests.
#pragma once

#include <algorithm>
#include <string_view>

namespace sluice::fuzz {

/// Takes the first line off `rest`; what it gives has no line end.
inline std::string_view take_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

}  // namespace sluice::fuzz
