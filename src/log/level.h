// SPDX-License-Identifier: BSD-2-Clause
// Level: how grave a log line is, most grave first, named as nginx names them.
// Runs in: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::log {

enum class Level : std::uint8_t { Emerg = 0, Alert, Crit, Error, Warn, Notice, Info, Debug };

inline constexpr std::string_view kLevelNames[] = {"emerg", "alert",  "crit", "error",
                                                   "warn",  "notice", "info", "debug"};

/// The name in configuration and log lines; a level out of range counts as debug.
[[nodiscard]] constexpr std::string_view name_of(Level level) {
    const auto index = static_cast<std::size_t>(level);
    return kLevelNames[index < 8 ? index : 7];
}

/// The level called `name`, or nothing.
[[nodiscard]] constexpr std::optional<Level> level_named(std::string_view name) {
    for (std::size_t i = 0; i < 8; ++i) {
        if (kLevelNames[i] == name) {
            return static_cast<Level>(i);
        }
    }
    return std::nullopt;
}

}  // namespace sluice::log
