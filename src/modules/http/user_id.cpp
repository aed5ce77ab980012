// SPDX-License-Identifier: BSD-2-Clause
// Ids of users: made, read, written.
// Runs in: worker.
#include "modules/http/user_id.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/civil_time.h"
#include "sys/process.h"

namespace sluice::modules {

namespace {

constexpr std::size_t kDigitsUsed = 22;  ///< base64 of 16 bytes without padding
constexpr unsigned kProcessBits = 22;    ///< the kernel gives no larger process ids
// The sequence is the upper three bytes of a word; below it stands the format's number, so that no
// id has a last word of 0, which means that there is none.
constexpr std::uint32_t kFormatBits = 8;
constexpr std::uint32_t kFormat1 = 1;
constexpr std::uint32_t kFormat2 = 2;

}  // namespace

std::optional<UserId> decode_user_id(std::string_view cookie) {
    std::array<char, base64_bound(kDigitsUsed)> bytes{};
    if (cookie.size() < kDigitsUsed ||
        decode_base64(cookie.substr(0, kDigitsUsed), bytes) != kUserIdBytes) {
        return std::nullopt;
    }
    UserId id{};
    std::memcpy(id.data(), bytes.data(), kUserIdBytes);
    return id[3] == 0 ? std::nullopt : std::optional(id);
}

void encode_user_id(const UserId& id, std::span<char, kUserIdChars> out) {
    std::array<char, kUserIdBytes> bytes{};
    std::memcpy(bytes.data(), id.data(), kUserIdBytes);
    static_cast<void>(encode_base64({bytes.data(), bytes.size()}, out));
}

void print_user_id(const UserId& id, std::span<char, kUserIdDigits> out) {
    fmt::format_to_n(out.data(), out.size(), "{:08X}{:08X}{:08X}{:08X}", id[0], id[1], id[2],
                     id[3]);
}

std::string_view print_cookie_date(UnixSeconds when, std::span<char, kMostCookieDate> out) {
    constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
    constexpr std::int64_t kLastShortYear = 2037;
    const CivilTime time = to_civil(when);
    const auto written = fmt::format_to_n(
        out.data(), out.size(), "{}, {:02}-{}-{:02} {:02}:{:02}:{:02} GMT",
        kDays.substr(static_cast<std::size_t>(time.weekday) * 3, 3), time.day,
        month_name(time.month), time.year > kLastShortYear ? time.year : time.year % 100,
        time.hour, time.minute, time.second);
    return {out.data(), std::min(written.size, out.size())};
}

Result<UserIdSource> UserIdSource::make() {
    std::array<unsigned char, sizeof(std::uint64_t)> random{};
    TRY(sys::random_bytes(random));
    std::uint64_t seed = 0;
    std::memcpy(&seed, random.data(), sizeof seed);
    return UserIdSource(static_cast<std::uint32_t>(sys::own_pid()), seed);
}

UserIdSource::UserIdSource(std::uint32_t process, std::uint64_t seed)
    : worker_(static_cast<std::uint32_t>(seed >> (32U + kProcessBits)) << kProcessBits |
              (process & ((1U << kProcessBits) - 1))),
      sequence_(static_cast<std::uint32_t>(seed) << kFormatBits) {}

UserId UserIdSource::next(std::uint32_t service, UnixSeconds now) {
    sequence_ += 1U << kFormatBits;
    return {service, htonl(static_cast<std::uint32_t>(now.count())), htonl(worker_),
            htonl(sequence_ | kFormat2)};
}

UserId UserIdSource::next_v1(std::uint32_t service, UnixSeconds now) {
    sequence_ += 1U << kFormatBits;
    return {service, static_cast<std::uint32_t>(now.count()), worker_, sequence_ | kFormat1};
}

}  // namespace sluice::modules
