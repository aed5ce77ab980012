// SPDX-License-Identifier: BSD-2-Clause
// SHA-1's rounds.
// Runs in: any.
#include "base/sha1.h"

#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice {

namespace {

class Sha1 {
  public:
    void add(unsigned char byte) {
        std::uint32_t& word = words_[size_ % 64 / 4];
        word = word << 8U | byte;
        if (++size_ % 64 == 0) {
            take_block();
        }
    }

    Sha1Digest digest() {
        const std::uint64_t bits = size_ * 8;
        add(0x80);
        while (size_ % 64 != 56) {
            add(0);
        }
        for (unsigned i = 0; i < 8; ++i) {
            add(static_cast<unsigned char>(bits >> (56 - 8 * i)));
        }
        Sha1Digest out{};
        for (std::size_t i = 0; i < out.size(); ++i) {
            out[i] = static_cast<unsigned char>(state_[i / 4] >> (24 - 8 * (i % 4)));
        }
        return out;
    }

  private:
    void take_block() {
        std::array<std::uint32_t, 80> w{};
        for (std::size_t i = 0; i < w.size(); ++i) {
            w[i] = i < 16 ? words_[i] : std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        }
        auto [a, b, c, d, e] = state_;
        for (std::size_t i = 0; i < w.size(); ++i) {
            // RFC 3174 §5: a function and a constant for every twenty steps.
            const std::uint32_t mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                                        : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                                        : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                                 : (b ^ c ^ d) + 0xca62c1d6;
            const std::uint32_t sum = std::rotl(a, 5) + mixed + e + w[i];
            e = d;
            d = c;
            c = std::rotl(b, 30);
            b = a;
            a = sum;
        }
        state_[0] += a;
        state_[1] += b;
        state_[2] += c;
        state_[3] += d;
        state_[4] += e;
    }

    std::array<std::uint32_t, 5> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    std::array<std::uint32_t, 16> words_{};
    std::uint64_t size_ = 0;
};

}  // namespace

Sha1Digest sha1(std::string_view bytes, std::string_view more) {
    Sha1 hash;
    for (const std::string_view part : {bytes, more}) {
        for (const char byte : part) {
            hash.add(static_cast<unsigned char>(byte));
        }
    }
    return hash.digest();
}

}  // namespace sluice
