// SPDX-License-Identifier: BSD-2-Clause
// Byte classes of HTTP (RFC 9110 §5.6.2) as tables, and a test for control bytes that reads eight
// bytes at a time.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/ascii.h"

namespace sluice::http1 {

enum ByteClass : std::uint8_t {
    kToken = 1,      ///< tchar
    kPlainName = 2,  ///< letter, digit or '-': what nginx takes in a field name
};

inline constexpr std::array<std::uint8_t, 256> kByteClasses = [] {
    std::array<std::uint8_t, 256> table{};
    for (std::size_t i = 0; i < 128; ++i) {
        const char c = static_cast<char>(i);
        if (is_alpha(c) || is_digit(c) || c == '-') {
            table[i] = kToken | kPlainName;
        }
    }
    for (const char c : std::string_view("!#$%&'*+.^_`|~")) {
        table[static_cast<unsigned char>(c)] = kToken;
    }
    return table;
}();

[[nodiscard]] constexpr bool is_token_byte(char c) {
    return (kByteClasses[static_cast<unsigned char>(c)] & kToken) != 0;
}

/// Whether `text` holds a byte below 0x20, or DEL; HTAB counts as well.
[[nodiscard]] inline bool has_low_byte(std::string_view text) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    constexpr std::uint64_t kTops = 0x8080808080808080;
    const auto is_hit = [](const char* at) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        const std::uint64_t dels = word ^ (kOnes * 0x7f);
        return (((word - kOnes * 0x20) & ~word & kTops) | ((dels - kOnes) & ~dels & kTops)) != 0;
    };
    if (text.size() < 8) {
        for (const char c : text) {
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
                return true;
            }
        }
        return false;
    }
    const char* const last = text.data() + text.size() - 8;
    for (const char* at = text.data(); at < last; at += 8) {
        if (is_hit(at)) {
            return true;
        }
    }
    return is_hit(last);  // reads some bytes once more rather than one by one
}

/// Whether `text` holds a control byte other than HTAB, or DEL.
[[nodiscard]] inline bool has_control_byte(std::string_view text) {
    if (!has_low_byte(text)) [[likely]] {
        return false;
    }
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

}  // namespace sluice::http1
