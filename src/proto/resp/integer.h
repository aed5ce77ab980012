// SPDX-License-Identifier: BSD-2-Clause
// Integers as RESP and its clients write them: decimal, with a minus where there is one, and in one
// way only: no plus, no leading zero, no blank.
// Runs in: worker.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace sluice::resp {

/// Longest integer: -9223372036854775808.
inline constexpr std::size_t kLongestInteger = 20;

/// Nothing: no integer of 64 bits, or one that is written differently.
[[nodiscard]] inline std::optional<std::int64_t> parse_integer(std::string_view text) {
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    if (digits.empty() || (digits.front() == '0' && text.size() > 1)) {
        return std::nullopt;
    }
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

}  // namespace sluice::resp
