// SPDX-License-Identifier: BSD-2-Clause
// Accept-Encoding: how much a client wants each content coding (RFC 9110 §12.5.3).
// Runs in: worker.
#pragma once

#include <array>
#include <cstdint>

#include "proto/http/request.h"

namespace sluice::http {

enum class Coding : std::uint8_t { Brotli, Zstd, Gzip, Identity };
inline constexpr std::size_t kCodingCount = 4;

/// Weights in thousandths; 0: not acceptable.
struct CodingWeights {
    std::array<std::uint16_t, kCodingCount> weights{};

    [[nodiscard]] std::uint16_t of(Coding coding) const {
        return weights[static_cast<std::size_t>(coding)];
    }
    friend bool operator==(const CodingWeights&, const CodingWeights&) = default;
};

/// What all Accept-Encoding fields of the request say together. Without any only identity is
/// wanted. Identity that is not named is the last choice, unless "*;q=0" forbids it; a weight that
/// cannot be read is 0.
[[nodiscard]] CodingWeights accepted_codings(const Request& request);

}  // namespace sluice::http
