// SPDX-License-Identifier: BSD-2-Clause
// murmur2: MurmurHash2 with seed 0 in 32 bits, the hash that nginx splits clients by. Not for tables
// that a client can fill.
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

[[nodiscard]] constexpr std::uint32_t murmur2(std::string_view text) {
    constexpr std::uint32_t kMix = 0x5bd1e995;
    const auto byte = [text](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]));
    };
    auto hash = static_cast<std::uint32_t>(text.size());
    std::size_t at = 0;
    for (; text.size() - at >= 4; at += 4) {
        std::uint32_t word =
            byte(at) | byte(at + 1) << 8U | byte(at + 2) << 16U | byte(at + 3) << 24U;
        word *= kMix;
        word ^= word >> 24U;
        word *= kMix;
        hash = (hash * kMix) ^ word;
    }
    const std::size_t rest = text.size() - at;
    if (rest > 0) {
        for (std::size_t i = rest; i > 0; --i) {
            hash ^= byte(at + i - 1) << (8 * (i - 1));
        }
        hash *= kMix;
    }
    hash ^= hash >> 13U;
    hash *= kMix;
    return hash ^ hash >> 15U;
}

}  // namespace sluice
