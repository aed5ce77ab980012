// SPDX-License-Identifier: BSD-2-Clause
// Time stamps of RFC 3339.
// Runs in: any.
#include "log/rfc3339.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "sys/clock.h"

namespace sluice::log {

namespace {

/// A worker's word comes in here; no calendar is asked for the year 300000.
Millis clamped(Millis wall) {
    constexpr Millis kLast{253'402'128'000'000};  // a day before the year 10000
    return std::clamp(wall, Millis::zero(), kLast);
}

}  // namespace

std::string rfc3339(Millis wall) {
    wall = clamped(wall);
    return rfc3339(wall, sys::utc_offset_seconds(std::chrono::floor<UnixSeconds>(wall)));
}

std::string rfc3339(Millis wall, int utc_offset) {
    wall = clamped(wall) + std::chrono::seconds(utc_offset);
    const auto days = std::chrono::floor<std::chrono::days>(wall);
    const std::chrono::year_month_day date{std::chrono::sys_days(days)};
    const std::chrono::hh_mm_ss time{wall - days};
    const int size = utc_offset < 0 ? -utc_offset : utc_offset;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}{:02}:{:02}",
                       static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), time.hours().count(),
                       time.minutes().count(), time.seconds().count(), time.subseconds().count(),
                       utc_offset < 0 ? '-' : '+', size / 3600, size / 60 % 60);
}

}  // namespace sluice::log
