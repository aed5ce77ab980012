// SPDX-License-Identifier: BSD-2-Clause
// Readings of the kernel's clocks.
// Runs in: any.
#include "sys/clock.h"

#include <atomic>
#include <cstdint>
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
