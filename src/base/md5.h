// SPDX-License-Identifier: BSD-2-Clause
// MD5, RFC 1321: for apr1 password hashes and links that are secured by it, as configurations of
// nginx have them. Not for anything new.
// Runs in: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

using Md5Digest = std::array<unsigned char, 16>;

class Md5 {
  public:
    void add(std::string_view bytes);
    /// Ends the message; add() is not called afterwards.
    [[nodiscard]] Md5Digest digest();

  private:
    void take_block(const unsigned char* block);

    std::array<std::uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    std::array<unsigned char, 64> pending_{};
    std::uint64_t size_ = 0;
};

[[nodiscard]] inline Md5Digest md5(std::string_view bytes) {
    Md5 md5;
    md5.add(bytes);
    return md5.digest();
}

}  // namespace sluice
