// SPDX-License-Identifier: BSD-2-Clause
// CivilTime: a moment as people write it: year, month, day and clock, by arithmetic, because
// strftime obeys the locale.
// Runs in: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/units.h"

namespace sluice {

/// Year, month and so on of a moment, proleptic Gregorian calendar.
struct CivilTime {
    std::int64_t year = 1970;
    int month = 1;  ///< 1..12
    int day = 1;    ///< 1..31
    int hour = 0;
    int minute = 0;
    int second = 0;
    int weekday = 4;  ///< 0: Sunday
};

[[nodiscard]] CivilTime to_civil(UnixSeconds when);

/// English abbreviations, January first.
inline constexpr std::array<std::string_view, 12> kMonthNames{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// That of a month, 1..12.
[[nodiscard]] constexpr std::string_view month_name(int month) {
    return kMonthNames[static_cast<std::size_t>(month - 1)];
}

}  // namespace sluice
