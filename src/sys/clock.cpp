// SPDX-License-Identifier: BSD-2-Clause
// Readings of the kernel's clocks.
// Runs in: any.
#include "sys/clock.h"

#include <ctime>

namespace sluice::sys {

namespace {

Nanos read_clock(clockid_t id) {
    timespec now{};
    ::clock_gettime(id, &now);  // cannot fail for these clocks
    return std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec);
}

}  // namespace

Millis monotonic_now() {
    return std::chrono::duration_cast<Millis>(read_clock(CLOCK_MONOTONIC));
}

Nanos monotonic_nanos() {
    return read_clock(CLOCK_MONOTONIC);
}

Millis wall_now() {
    return std::chrono::duration_cast<Millis>(read_clock(CLOCK_REALTIME));
}

Millis wall_now_coarse() {
    return std::chrono::duration_cast<Millis>(read_clock(CLOCK_REALTIME_COARSE));
}

void nap() {
    const timespec time{.tv_sec = 0, .tv_nsec = 1'000'000};
    static_cast<void>(::nanosleep(&time, nullptr));  // woken early, the caller looks again
}

int utc_offset_seconds(UnixSeconds when) {
    const std::time_t seconds = when.count();
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return static_cast<int>(local.tm_gmtoff);
}

}  // namespace sluice::sys
