// SPDX-License-Identifier: BSD-2-Clause
// Range: what a Range field asks of a representation of known size (RFC 9110 §14).
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::modules {

struct RangeAnswer {
    enum class Kind : std::uint8_t {
        Whole,          ///< answer 200: another unit, or several ranges
        Part,           ///< answer 206 with [first, last]
        Unsatisfiable,  ///< answer 416: past the end, or not a range
    };

    Kind kind = Kind::Whole;
    std::uint64_t first = 0;
    std::uint64_t last = 0;  ///< inclusive
    friend bool operator==(const RangeAnswer&, const RangeAnswer&) = default;
};

/// Judges the field's value. Several ranges are answered with the whole, which RFC 9110 §14.2
/// allows.
[[nodiscard]] RangeAnswer parse_range(std::string_view value, std::uint64_t size);

}  // namespace sluice::modules
