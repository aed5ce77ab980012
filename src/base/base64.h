// SPDX-License-Identifier: BSD-2-Clause
// Base64, RFC 4648 §4, and its alphabet for URLs (§5). Padding may be left out and ends the text.
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/ascii.h"

namespace sluice {

enum class Base64 : std::uint8_t { Standard, Url };

/// Bytes that `size` characters decode to, at most.
[[nodiscard]] constexpr std::size_t base64_bound(std::size_t size) {
    return (size + 3) / 4 * 3;
}

/// Decodes `text` into `out`, which has room for base64_bound(), and gives the number of bytes.
/// Nothing for text that is not base64.
[[nodiscard]] constexpr std::optional<std::size_t> decode_base64(std::string_view text,
                                                                 std::span<char> out,
                                                                 Base64 kind = Base64::Standard) {
    const std::string_view marks = kind == Base64::Url ? "-_" : "+/";
    std::size_t size = 0;
    std::size_t digits = 0;
    std::uint32_t bits = 0;
    for (; digits < text.size() && text[digits] != '='; ++digits) {
        const char c = text[digits];
        std::uint32_t value = 0;
        if (c >= 'A' && c <= 'Z') {
            value = static_cast<std::uint32_t>(c - 'A');
        } else if (c >= 'a' && c <= 'z') {
            value = static_cast<std::uint32_t>(c - 'a') + 26;
        } else if (is_digit(c)) {
            value = static_cast<std::uint32_t>(c - '0') + 52;
        } else if (c == marks[0] || c == marks[1]) {
            value = c == marks[0] ? 62 : 63;
        } else {
            return std::nullopt;
        }
        bits = bits << 6U | value;
        if (digits % 4 != 0) {
            out[size++] = static_cast<char>(bits >> (6 - 2 * (digits % 4)) & 0xffU);
        }
    }
    return digits % 4 == 1 ? std::nullopt : std::optional(size);
}

/// Encodes `bytes` into `out`, which has room for 4 characters per 3 bytes begun; with padding.
/// Gives the number of characters.
constexpr std::size_t encode_base64(std::string_view bytes, std::span<char> out) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::size_t size = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = bytes.size() - at < 3 ? bytes.size() - at : 3;
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = bits << 8U | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            out[size++] = i <= count ? kDigits[bits >> (18 - 6 * i) & 63U] : '=';
        }
    }
    return size;
}

}  // namespace sluice
