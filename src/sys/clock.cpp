// SPDX-License-Identifier: BSD-2-Clause
// Readings of the kernel's clocks.
// Runs in: any.
#include "sys/clock.h"

#include <atomic>
#include <cstdint>
#include <ctime>
#include <sys/prctl.h>
#include <sys/prctl.h>

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

void rest(Nanos time) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const timespec spec{.tv_sec = time.count() / kSecond, .tv_nsec = time.count() % kSecond};
    static_cast<void>(::nanosleep(&spec, nullptr));  // woken early, the caller looks again
}

void set_timer_slack(Nanos slack) {
    static_cast<void>(::prctl(PR_SET_TIMERSLACK, slack.count(), 0, 0, 0));  // takes any number
}

int utc_offset_seconds(UnixSeconds when) {
    // Time zones change their offset at quarters of an hour only, so the answer is kept for one
    // (listed in base/README.md). Both halves are one word: threads may ask at the same time.
    static std::atomic<std::uint64_t> kept{UINT64_MAX};
    constexpr std::int64_t kQuarter = 900;
    const auto quarter = static_cast<std::uint32_t>(when.count() / kQuarter);
    const std::uint64_t known = kept.load(std::memory_order_relaxed);
    if (when.count() >= 0 && known >> 32 == quarter) {
        return static_cast<int>(static_cast<std::uint32_t>(known));
    }
    const std::time_t seconds = when.count();
    std::tm local{};
    ::localtime_r(&seconds, &local);
    const auto offset = static_cast<std::uint32_t>(local.tm_gmtoff);
    kept.store(std::uint64_t{quarter} << 32 | offset, std::memory_order_relaxed);
    return static_cast<int>(offset);
}

}  // namespace sluice::sys
