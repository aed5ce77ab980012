// SPDX-License-Identifier: BSD-2-Clause
// Times, digit by digit.
// Runs in: worker.
#include "script/clock_text.h"

#include <array>
#include <cstring>

#include "base/civil_time.h"
#include "base/digits.h"
#include "script/value_text.h"
#include "sys/clock.h"

namespace sluice::script {

namespace {

Value kept(Arena& arena, const char* begin, const char* end) {
    return kept_text(arena, {begin, static_cast<std::size_t>(end - begin)});
}

struct LocalTime {
    CivilTime civil;
    int offset = 0;  ///< seconds east of UTC
};

LocalTime local_time(Millis wall) {
    const auto seconds = std::chrono::floor<UnixSeconds>(wall);
    const int offset = sys::utc_offset_seconds(seconds);
    return {.civil = to_civil(seconds + UnixSeconds(offset)), .offset = offset};
}

char* put_clock(char* at, const CivilTime& time) {
    at = put_digits(at, time.hour, 2);
    *at++ = ':';
    at = put_digits(at, time.minute, 2);
    *at++ = ':';
    return put_digits(at, time.second, 2);
}

// "+0100" or "+01:00"
char* put_offset(char* at, int offset, bool has_colon) {
    const int size = offset < 0 ? -offset : offset;
    *at++ = offset < 0 ? '-' : '+';
    at = put_digits(at, size / 3600, 2);
    if (has_colon) {
        *at++ = ':';
    }
    return put_digits(at, size / 60 % 60, 2);
}

}  // namespace

Value seconds_text(Arena& arena, std::int64_t millis) {
    std::array<char, 24> text{};
    char* at = text.data();
    const std::int64_t seconds = millis / 1000;
    int digits = 1;
    for (std::int64_t rest = seconds; rest >= 10; rest /= 10) {
        ++digits;
    }
    at = put_digits(at, seconds, digits);
    *at++ = '.';
    at = put_digits(at, millis % 1000, 3);
    return kept(arena, text.data(), at);
}

Value log_time_text(Arena& arena, Millis wall) {
    const auto [civil, offset] = local_time(wall);
    std::array<char, 32> text{};
    char* at = put_digits(text.data(), civil.day, 2);
    *at++ = '/';
    std::memcpy(at, month_name(civil.month).data(), 3);
    at += 3;
    *at++ = '/';
    at = put_digits(at, civil.year, 4);
    *at++ = ':';
    at = put_clock(at, civil);
    *at++ = ' ';
    at = put_offset(at, offset, false);
    return kept(arena, text.data(), at);
}

Value iso_time_text(Arena& arena, Millis wall) {
    const auto [civil, offset] = local_time(wall);
    std::array<char, 32> text{};
    char* at = put_digits(text.data(), civil.year, 4);
    *at++ = '-';
    at = put_digits(at, civil.month, 2);
    *at++ = '-';
    at = put_digits(at, civil.day, 2);
    *at++ = 'T';
    at = put_clock(at, civil);
    at = put_offset(at, offset, true);
    return kept(arena, text.data(), at);
}

}  // namespace sluice::script
