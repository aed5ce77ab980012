// SPDX-License-Identifier: BSD-2-Clause
// Expires and Cache-Control.
// Runs in: any (parse), worker (format).
#include "modules/http/expires.h"

#include <fmt/format.h>

#include <algorithm>

#include "conf/parse_as.h"
#include "proto/http/http_date.h"
#include "sys/clock.h"

namespace sluice::modules {

namespace {

// When the local clock next shows `time` since midnight.
UnixSeconds next_time_of_day(UnixSeconds time, UnixSeconds now) {
    constexpr UnixSeconds kDay{86'400};
    const UnixSeconds local = now + UnixSeconds(sys::utc_offset_seconds(now));
    const UnixSeconds today = now - local % kDay + time;
    return today > now ? today : today + kDay;
}

}  // namespace

std::optional<Expires> parse_expires(std::string_view text, bool is_modified) {
    if (!is_modified) {
        if (text == "off") {
            return Expires{};
        }
        if (text == "epoch") {
            return Expires{.kind = Expires::Kind::Epoch};
        }
        if (text == "max") {
            return Expires{.kind = Expires::Kind::Max};
        }
    }
    if (text.size() > 1 && text.starts_with('@')) {
        const std::optional<Millis> at = conf::parse_time(text.substr(1));
        if (!at || is_modified || *at >= std::chrono::hours(24)) {
            return std::nullopt;
        }
        return Expires{.kind = Expires::Kind::Daily,
                       .after = std::chrono::floor<UnixSeconds>(*at)};
    }
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) {
        text.remove_prefix(1);
    }
    const std::optional<Millis> time = conf::parse_time(text);
    if (!time) {
        return std::nullopt;
    }
    const auto seconds = std::chrono::floor<UnixSeconds>(*time);
    return Expires{.kind = is_modified ? Expires::Kind::Modified : Expires::Kind::Access,
                   .after = is_negative ? -seconds : seconds};
}

ExpiresFields format_expires(const Expires& expires,
                             UnixSeconds now,
                             UnixSeconds modified,
                             std::span<char, kExpiresRoom> room) {
    switch (expires.kind) {
        case Expires::Kind::Off:
            return {};
        case Expires::Kind::Epoch:
            return {.expires = "Thu, 01 Jan 1970 00:00:01 GMT", .cache_control = "no-cache"};
        case Expires::Kind::Max:
            return {.expires = "Thu, 31 Dec 2037 23:55:55 GMT",
                    .cache_control = "max-age=315360000"};
        case Expires::Kind::Access:
        case Expires::Kind::Modified:
        case Expires::Kind::Daily:
            break;
    }
    const bool is_from_file = expires.kind == Expires::Kind::Modified && modified.count() >= 0;
    const UnixSeconds until = expires.kind == Expires::Kind::Daily
                                  ? next_time_of_day(expires.after, now)
                                  : (is_from_file ? modified : now) + expires.after;
    const std::span<char, http::kHttpDateSize> date = room.first<http::kHttpDateSize>();
    http::format_http_date(until, date);
    const std::string_view shown(date.data(), date.size());
    if (until < now || expires.after.count() < 0) {
        return {.expires = shown, .cache_control = "no-cache"};
    }
    const std::span<char> rest = room.subspan(http::kHttpDateSize);
    const auto written =
        fmt::format_to_n(rest.data(), rest.size(), "max-age={}", (until - now).count());
    return {.expires = shown,
            .cache_control = {rest.data(), std::min(written.size, rest.size())}};
}

}  // namespace sluice::modules
