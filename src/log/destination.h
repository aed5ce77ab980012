// SPDX-License-Identifier: BSD-2-Clause
// Destination: where lines of one server or location go: a few sinks, each with its threshold.
// Runs in: any.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "base/units.h"
#include "log/level.h"

namespace sluice::log {

/// One sink and the least grave level that it takes.
struct Target {
    SinkId sink{};
    Level level = Level::Error;
    bool is_alert = false;  ///< a command of log_alert: its level stands whatever `-s loglevel` says
    friend bool operator==(const Target&, const Target&) = default;
};

/// At most kMaxTargets targets; a plain value that is cheap to copy. Empty: nothing is logged.
class Destination {
  public:
    static constexpr std::size_t kMaxTargets = 8;

    /// False where the list is full.
    constexpr bool add(Target target) {
        if (count_ == kMaxTargets) {
            return false;
        }
        targets_[count_++] = target;
        loudest_ = std::max(loudest_, target.level);
        if (target.is_alert) {
            loudest_alert_ = std::max(loudest_alert_.value_or(Level::Emerg), target.level);
        }
        return true;
    }

    [[nodiscard]] constexpr bool empty() const { return count_ == 0; }

    /// Whether any target takes `level`.
    [[nodiscard]] constexpr bool takes(Level level) const {
        return count_ != 0 && level <= loudest_;
    }

    /// Whether any command of log_alert waits for `level`.
    [[nodiscard]] constexpr bool alerts(Level level) const {
        return loudest_alert_ && level <= *loudest_alert_;
    }

    [[nodiscard]] constexpr std::span<const Target> targets() const {
        return {targets_.data(), count_};
    }

    friend bool operator==(const Destination&, const Destination&) = default;

  private:
    std::array<Target, kMaxTargets> targets_{};
    std::size_t count_ = 0;
    Level loudest_ = Level::Emerg;
    std::optional<Level> loudest_alert_;
};

}  // namespace sluice::log
