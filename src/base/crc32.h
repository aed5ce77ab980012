// SPDX-License-Identifier: BSD-2-Clause
// CRC-32 (ISO-HDLC, as in zip and memcached clients): the hash that `hash` keys and their points on
// the ring are made with everywhere, so that the same key finds the same peer.
// Runs in: any.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice {

namespace detail {

consteval std::array<std::uint32_t, 256> make_crc32_table() {
    constexpr std::uint32_t kPolynomial = 0xedb8'8320;  // reversed
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
        }
        table[byte] = value;
    }
    return table;
}

inline constexpr std::array<std::uint32_t, 256> kCrc32Table = make_crc32_table();

}  // namespace detail

/// Takes bytes piece by piece; value() is the checksum of all so far.
class Crc32 {
  public:
    constexpr Crc32& add(std::string_view bytes) {
        for (const char c : bytes) {
            const auto index = (state_ ^ static_cast<unsigned char>(c)) & 0xff;
            state_ = detail::kCrc32Table[index] ^ (state_ >> 8);
        }
        return *this;
    }

    [[nodiscard]] constexpr std::uint32_t value() const { return ~state_; }

  private:
    std::uint32_t state_ = 0xffff'ffff;
};

static_assert(Crc32().add("123456789").value() == 0xcbf4'3926);

}  // namespace sluice
