// SPDX-License-Identifier: BSD-2-Clause
// SipHash-1-3 (Aumasson, Bernstein), a keyed hash: clients choose the keys of zones, and without
// the zone's secret they cannot choose keys that fall into one bucket.
// Runs in: any.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::shm {

using HashKey = std::array<std::uint64_t, 2>;

namespace detail {

struct SipState {
    std::uint64_t a, b, c, d;

    void round() {
        a += b;
        b = std::rotl(b, 13) ^ a;
        a = std::rotl(a, 32);
        c += d;
        d = std::rotl(d, 16) ^ c;
        a += d;
        d = std::rotl(d, 21) ^ a;
        c += b;
        b = std::rotl(b, 17) ^ c;
        c = std::rotl(c, 32);
    }

    void take(std::uint64_t word) {
        d ^= word;
        round();
        a ^= word;
    }
};

static_assert(std::endian::native == std::endian::little);

[[nodiscard]] inline std::uint64_t load_word(const char* from) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
}

}  // namespace detail

[[nodiscard]] inline std::uint64_t siphash(const HashKey& key, std::string_view text) {
    detail::SipState state{key[0] ^ 0x736f'6d65'7073'6575, key[1] ^ 0x646f'7261'6e64'6f6d,
                           key[0] ^ 0x6c79'6765'6e65'7261, key[1] ^ 0x7465'6462'7974'6573};
    const std::size_t size = text.size();
    while (text.size() >= 8) {
        state.take(detail::load_word(text.data()));
        text.remove_prefix(8);
    }
    std::uint64_t last = static_cast<std::uint64_t>(size) << 56;
    if (text.empty()) {
        // Nothing is left.
    } else if (size >= 8) {
        // The last eight bytes, of which the first have been taken.
        last |= detail::load_word(text.data() + text.size() - 8) >> (64 - 8 * text.size());
    } else {
        for (std::size_t i = 0; i < text.size(); ++i) {
            last |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
        }
    }
    state.take(last);
    state.c ^= 0xff;
    state.round();
    state.round();
    state.round();
    return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace sluice::shm
