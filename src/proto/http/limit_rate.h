// SPDX-License-Identifier: BSD-2-Clause
// limit_rate and limit_rate_after: how fast one reply may leave. Arithmetic only: the wire asks how
// much may go now, or when to ask again.
// Runs in: any (settings), worker (limits).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.h"
#include "script/template.h"

namespace sluice::http {

class Exchange;

/// A size that may hold variables.
struct SizeConf {
    bool is_given = false;
    std::uint64_t constant = 0;  ///< where `text` is one
    script::Template text;
};

struct RateLimit {
    std::uint64_t rate = 0;   ///< bytes per second; 0: no limit
    std::uint64_t after = 0;  ///< bytes that do not count

    [[nodiscard]] bool is_on() const { return rate > 0; }

    /// What is sent at once: not less, so that a slow reply costs a few packets a second.
    [[nodiscard]] std::uint64_t portion() const { return std::max<std::uint64_t>(rate / 4, 1); }

    /// Bytes that may leave now, `elapsed` after the reply's begin and `sent` bytes into it: none,
    /// or a portion at least. As in nginx the first second's bytes may leave at once.
    [[nodiscard]] std::uint64_t allowance(std::uint64_t sent, Millis elapsed) const {
        const std::uint64_t seconds = static_cast<std::uint64_t>(elapsed.count()) / 1000;
        const std::uint64_t millis = static_cast<std::uint64_t>(elapsed.count()) % 1000;
        if (rate > kMost / (seconds + 2)) {
            return kMost;
        }
        const std::uint64_t total = after + rate * (seconds + 1) + rate * millis / 1000;
        return total >= sent + portion() ? total - sent : 0;
    }

    /// When, after the reply's begin, allowance() gives something.
    [[nodiscard]] Millis next_allowance(std::uint64_t sent) const {
        const std::uint64_t wanted = sent + portion();
        const std::uint64_t free = after + rate;
        if (wanted <= free) {
            return Millis(0);
        }
        const std::uint64_t missing = wanted - free;
        const std::uint64_t millis =
            missing / rate * 1000 + (missing % rate * 1000 + rate - 1) / rate;
        return Millis(static_cast<std::int64_t>(millis));
    }

  private:
    static constexpr std::uint64_t kMost = std::uint64_t{1} << 50;
};

/// What holds for this exchange: `set $limit_rate`, else the location's settings.
[[nodiscard]] RateLimit rate_limit_of(Exchange& exchange);

}  // namespace sluice::http
