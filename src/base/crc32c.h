// SPDX-License-Identifier: BSD-2-Clause
// CRC-32C (Castagnoli): the checksum of files that the server keeps for its next start. Eight bytes
// a step by tables that are made at compile time.
// Runs in: any.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice {

namespace detail {

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

consteval CrcTables make_crc_tables() {
    constexpr std::uint32_t kPolynomial = 0x82f6'3b78;  // reversed
    CrcTables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
        }
        tables[0][byte] = value;
    }
    for (std::size_t table = 1; table < tables.size(); ++table) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
    return tables;
}

inline constexpr CrcTables kCrcTables = make_crc_tables();

}  // namespace detail

/// The checksum of `text` behind bytes whose checksum is `before`.
[[nodiscard]] inline std::uint32_t crc32c(std::string_view text, std::uint32_t before = 0) {
    const detail::CrcTables& tables = detail::kCrcTables;
    std::uint32_t crc = ~before;
    while (text.size() >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data(), 8);
        word ^= crc;
        crc = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            crc ^= tables[7 - i][(word >> (8 * i)) & 0xff];
        }
        text.remove_prefix(8);
    }
    for (const char c : text) {
        crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(c)) & 0xff];
    }
    return ~crc;
}

}  // namespace sluice
