// SPDX-License-Identifier: BSD-2-Clause
// HTTP dates.
// Runs in: any.
#include "proto/http/http_date.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.h"
#include "base/civil_time.h"
#include "base/digits.h"

namespace sluice::http {

namespace {

constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::int64_t kSecondsPerDay = 86'400;

// Days since 1970-01-01, counted in eras of 400 years that begin in March.
constexpr std::int64_t days_from_civil(std::int64_t year, int month, int day) {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t shifted = (month + 9) % 12;
    const std::int64_t day_of_year = (153 * shifted + 2) / 5 + day - 1;
    const std::int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146'097 + day_of_era - 719'468;
}

constexpr std::int64_t days_in_month(std::int64_t year, int month) {
    const std::int64_t next_year = month == 12 ? year + 1 : year;
    return days_from_civil(next_year, month % 12 + 1, 1) - days_from_civil(year, month, 1);
}

// Reads a date left to right; the first mistake makes every later step fail.
class DateReader {
  public:
    explicit DateReader(std::string_view text) : rest_(text) {}

    void literal(std::string_view expected) {
        if (is_good_ && rest_.starts_with(expected)) {
            rest_.remove_prefix(expected.size());
        } else {
            is_good_ = false;
        }
    }

    [[nodiscard]] int number(std::size_t digits, bool may_be_padded = false) {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            if (is_good_ && may_be_padded && i + 1 < digits && rest_.starts_with(' ')) {
                rest_.remove_prefix(1);
                continue;
            }
            if (!is_good_ || rest_.empty() || !is_digit(rest_.front())) {
                is_good_ = false;
                return 0;
            }
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }

    [[nodiscard]] int month() {
        const auto found = std::ranges::find(kMonthNames, rest_.substr(0, 3));
        if (!is_good_ || found == kMonthNames.end()) {
            is_good_ = false;
            return 1;
        }
        rest_.remove_prefix(3);
        return static_cast<int>(found - kMonthNames.begin()) + 1;
    }

    [[nodiscard]] bool is_done() const { return is_good_ && rest_.empty(); }

    void clock(CivilTime& time) {
        time.hour = number(2);
        literal(":");
        time.minute = number(2);
        literal(":");
        time.second = number(2);
    }

  private:
    std::string_view rest_;
    bool is_good_ = true;
};

std::optional<UnixSeconds> checked(const DateReader& reader, const CivilTime& time) {
    if (!reader.is_done() || time.day < 1 || time.day > days_in_month(time.year, time.month) ||
        time.hour > 23 || time.minute > 59 || time.second > 60) {
        return std::nullopt;
    }
    const std::int64_t days = days_from_civil(time.year, time.month, time.day);
    return UnixSeconds(days * kSecondsPerDay + time.hour * 3600 + time.minute * 60 + time.second);
}

// "06 Nov 1994 08:49:37 GMT" or, in RFC 850's form, "06-Nov-94 08:49:37 GMT".
std::optional<UnixSeconds> parse_day_first(std::string_view text, bool is_rfc850) {
    DateReader reader(text);
    CivilTime time;
    const std::string_view separator = is_rfc850 ? "-" : " ";
    time.day = reader.number(2);
    reader.literal(separator);
    time.month = reader.month();
    reader.literal(separator);
    if (is_rfc850) {
        const int year = reader.number(2);
        time.year = year < 70 ? 2000 + year : 1900 + year;
    } else {
        time.year = reader.number(4);
    }
    reader.literal(" ");
    reader.clock(time);
    reader.literal(" GMT");
    return checked(reader, time);
}

// "Nov  6 08:49:37 1994".
std::optional<UnixSeconds> parse_asctime(std::string_view text) {
    DateReader reader(text);
    CivilTime time;
    time.month = reader.month();
    reader.literal(" ");
    time.day = reader.number(2, true);
    reader.literal(" ");
    reader.clock(time);
    reader.literal(" ");
    time.year = reader.number(4);
    return checked(reader, time);
}

}  // namespace

void format_http_date(UnixSeconds when, std::span<char, kHttpDateSize> out) {
    constexpr std::int64_t kFirst = days_from_civil(0, 1, 1) * kSecondsPerDay;
    constexpr std::int64_t kLast = days_from_civil(10'000, 1, 1) * kSecondsPerDay - 1;
    const CivilTime time = to_civil(UnixSeconds(std::clamp(when.count(), kFirst, kLast)));
    char* const at = out.data();
    std::memcpy(at, "Sun, 00 Jan 0000 00:00:00 GMT", kHttpDateSize);
    std::memcpy(at, kDays[static_cast<std::size_t>(time.weekday)].data(), 3);
    put_digits(at + 5, time.day, 2);
    std::memcpy(at + 8, month_name(time.month).data(), 3);
    put_digits(at + 12, time.year, 4);
    put_digits(at + 17, time.hour, 2);
    put_digits(at + 20, time.minute, 2);
    put_digits(at + 23, time.second, 2);
}

std::optional<UnixSeconds> parse_http_date(std::string_view text) {
    const std::size_t comma = text.find(',');
    if (comma != std::string_view::npos) {
        std::string_view rest = text.substr(comma + 1);
        if (!rest.starts_with(' ')) {
            return std::nullopt;
        }
        rest.remove_prefix(1);
        return parse_day_first(rest, rest.size() > 2 && rest[2] == '-');
    }
    return text.size() > 4 ? parse_asctime(text.substr(4)) : std::nullopt;
}

}  // namespace sluice::http
