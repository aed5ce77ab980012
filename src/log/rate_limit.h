// SPDX-License-Identifier: BSD-2-Clause
// RateLimit: "once per period, with the number suppressed", for whatever a peer or a broken
// environment can repeat.
// Runs in: any.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/units.h"

namespace sluice::log {

class RateLimit {
  public:
    explicit RateLimit(Millis period) : period_(period) {}

    /// Asks to log now (a reading of the monotonic clock): nothing means keep quiet; a value is the
    /// number of lines that were kept quiet since the last one.
    [[nodiscard]] std::optional<std::uint64_t> ask(Millis now) {
        if (has_logged_ && now - last_ < period_) {
            ++suppressed_;
            return std::nullopt;
        }
        has_logged_ = true;
        last_ = now;
        return std::exchange(suppressed_, 0);
    }

  private:
    Millis period_;
    Millis last_{};
    std::uint64_t suppressed_ = 0;
    bool has_logged_ = false;
};

}  // namespace sluice::log
