// SPDX-License-Identifier: BSD-2-Clause
// The prefix of an error log line.
// Runs in: any.
#include "log/line_prefix.h"

#include <chrono>

#include <fmt/format.h>

namespace sluice::log {

std::string line_prefix(Millis wall, int utc_offset, Level level, pid_t pid) {
    const auto local =
        std::chrono::floor<std::chrono::seconds>(wall) + std::chrono::seconds(utc_offset);
    const auto days = std::chrono::floor<std::chrono::days>(local);
    const std::chrono::year_month_day date{std::chrono::sys_days(days)};
    const std::chrono::hh_mm_ss time{local - days};
    return fmt::format(
        "{:04}/{:02}/{:02} {:02}:{:02}:{:02} [{}] {}#0: ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        time.hours().count(), time.minutes().count(), time.seconds().count(), name_of(level), pid);
}

}  // namespace sluice::log
