// SPDX-License-Identifier: BSD-2-Clause
// SHA-1, RFC 3174: for {SHA} and {SSHA} password hashes, as configurations of nginx have them. Not
// for anything new.
// Runs in: any.
#pragma once

#include <array>
#include <string_view>

namespace sluice {

using Sha1Digest = std::array<unsigned char, 20>;

/// Of `bytes` with `more` behind them.
[[nodiscard]] Sha1Digest sha1(std::string_view bytes, std::string_view more = {});

}  // namespace sluice
