// SPDX-License-Identifier: BSD-2-Clause
// Headers of syslog messages.
// Runs in: logger.
#include "logger/syslog_header.h"

#include <array>
#include <chrono>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "sys/clock.h"

namespace sluice::logger {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Civil {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<UnixSeconds> time;
};

Civil civil(UnixSeconds when) {
    const auto day = std::chrono::floor<std::chrono::days>(when);
    return {std::chrono::sys_days(day), std::chrono::hh_mm_ss<UnixSeconds>(when - day)};
}

std::string_view or_nil(const std::string& text) {
    return text.empty() ? std::string_view("-") : std::string_view(text);
}

}  // namespace

void SyslogHeader::append(std::string& out, const Fields& fields) {
    fmt::format_to(std::back_inserter(out), "<{}>", entry_.facility * 8 + (fields.severity & 7));
    if (entry_.is_rfc5424) {
        append_new(out, fields);
    } else {
        append_old(out, fields);
    }
}

void SyslogHeader::append_old(std::string& out, const Fields& fields) {
    const auto second = std::chrono::floor<UnixSeconds>(fields.wall);
    if (second != second_) {
        second_ = second;
        const Civil at = civil(second + UnixSeconds(sys::utc_offset_seconds(second)));
        const auto month = static_cast<unsigned>(at.date.month()) - 1;
        time_and_names_ = fmt::format(
            "{} {:2} {:02}:{:02}:{:02} {}{}{}: ", kMonths[month % 12],
            static_cast<unsigned>(at.date.day()), at.time.hours().count(),
            at.time.minutes().count(), at.time.seconds().count(), entry_.host,
            entry_.host.empty() ? "" : " ", entry_.tag);
    }
    out += time_and_names_;
}

void SyslogHeader::append_new(std::string& out, const Fields& fields) const {
    const auto second = std::chrono::floor<UnixSeconds>(fields.wall);
    const Civil at = civil(second);
    fmt::format_to(std::back_inserter(out), "1 {:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {} {} ",
                   static_cast<int>(at.date.year()), static_cast<unsigned>(at.date.month()),
                   static_cast<unsigned>(at.date.day()), at.time.hours().count(),
                   at.time.minutes().count(), at.time.seconds().count(),
                   (fields.wall - second).count(), or_nil(entry_.host), or_nil(entry_.tag));
    if (fields.pid != 0) {
        fmt::format_to(std::back_inserter(out), "{} - - ", fields.pid);
    } else {
        out += "- - - ";
    }
}

}  // namespace sluice::logger
