// SPDX-License-Identifier: BSD-2-Clause
// Expires: the forms of the directive and the two fields.
#include "modules/http/expires.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "proto/http/http_date.h"
#include "sys/clock.h"

namespace sluice::modules {
namespace {

constexpr UnixSeconds kNow{784'111'777};  // Sun, 06 Nov 1994 08:49:37 GMT

std::string fields(std::string_view text, bool is_modified = false, UnixSeconds modified = UnixSeconds{-1}) {
    const auto expires = parse_expires(text, is_modified);
    if (!expires) {
        return "refused";
    }
    std::array<char, kExpiresRoom> room;
    const ExpiresFields out = format_expires(*expires, kNow, modified, room);
    return std::string(out.expires) + "|" + std::string(out.cache_control);
}

TEST(Expires, GivesTheFieldsOfEachForm) {
    EXPECT_EQ(fields("off"), "|");
    EXPECT_EQ(fields("epoch"), "Thu, 01 Jan 1970 00:00:01 GMT|no-cache");
    EXPECT_EQ(fields("max"), "Thu, 31 Dec 2037 23:55:55 GMT|max-age=315360000");
    EXPECT_EQ(fields("1h"), "Sun, 06 Nov 1994 09:49:37 GMT|max-age=3600");
    EXPECT_EQ(fields("+10s"), "Sun, 06 Nov 1994 08:49:47 GMT|max-age=10");
    EXPECT_EQ(fields("0"), "Sun, 06 Nov 1994 08:49:37 GMT|max-age=0");
    EXPECT_EQ(fields("-1"), "Sun, 06 Nov 1994 08:49:36 GMT|no-cache");
}

TEST(Expires, WaitsForATimeOfDay) {
    constexpr UnixSeconds kDay{86'400};
    const UnixSeconds offset{sys::utc_offset_seconds(kNow)};
    for (const int hour : {0, 8, 9, 23}) {
        const auto expires = parse_expires("@" + std::to_string(hour) + "h", false);
        ASSERT_TRUE(expires.has_value());
        std::array<char, kExpiresRoom> room;

        const auto until = http::parse_http_date(format_expires(*expires, kNow, kNow, room).expires);

        ASSERT_TRUE(until.has_value());
        EXPECT_EQ((*until + offset) % kDay, std::chrono::hours(hour));
        EXPECT_GT(*until, kNow);
        EXPECT_LE(*until, kNow + kDay);
    }
    EXPECT_EQ(fields("@24h"), "refused");
    EXPECT_EQ(fields("@1h", true), "refused");
    EXPECT_EQ(fields("@"), "refused");
}

TEST(Expires, CountsFromTheFileWhenAsked) {
    EXPECT_EQ(fields("1h", true, kNow - UnixSeconds(600)),
              "Sun, 06 Nov 1994 09:39:37 GMT|max-age=3000");
    EXPECT_EQ(fields("1m", true, kNow - UnixSeconds(600)), "Sun, 06 Nov 1994 08:40:37 GMT|no-cache");
    EXPECT_EQ(fields("max", true), "refused");
}

TEST(Expires, RefusesNonsense) {
    EXPECT_EQ(fields("soon"), "refused");
    EXPECT_EQ(fields(""), "refused");
    EXPECT_EQ(fields("--1"), "refused");
}

}  // namespace
}  // namespace sluice::modules
