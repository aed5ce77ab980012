// SPDX-License-Identifier: BSD-2-Clause
// Ids of users: format, and that no two are the same.
#include "modules/http/user_id.h"

#include <array>
#include <set>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace sluice::modules {
namespace {

std::string encoded(const UserId& id) {
    std::array<char, kUserIdChars> out{};
    encode_user_id(id, out);
    return {out.data(), out.size()};
}

std::string printed(const UserId& id) {
    std::array<char, kUserIdDigits> out{};
    print_user_id(id, out);
    return {out.data(), out.size()};
}

std::string date(std::int64_t when) {
    std::array<char, kMostCookieDate> out{};
    return std::string(print_cookie_date(UnixSeconds(when), out));
}

TEST(UserId, IsWrittenAndReadAsTheSame) {
    const UserId id{htonl(0x7f000001), htonl(0x12345678), 1, 2};

    const std::string text = encoded(id);

    EXPECT_EQ(text.substr(0, 10), "fwAAARI0Vn");
    EXPECT_EQ(text.substr(22), "==");
    EXPECT_EQ(decode_user_id(text), id);
    EXPECT_EQ(printed(id), "0100007F785634120000000100000002");
}

TEST(UserId, WhatStandsBehindItDoesNotMatter) {
    const std::string text = encoded({1, 2, 3, 4}).substr(0, 22);

    for (const std::string_view tail : {"", "==", "x=", "= garbage \xff", "======"}) {
        EXPECT_EQ(decode_user_id(text + std::string(tail)), (UserId{1, 2, 3, 4})) << tail;
    }
}

TEST(UserId, WhatIsNoneIsRefused) {
    const std::string good = encoded({1, 2, 3, 4});

    EXPECT_EQ(decode_user_id(""), std::nullopt);
    EXPECT_EQ(decode_user_id(good.substr(0, 21)), std::nullopt);
    EXPECT_EQ(decode_user_id("!" + good.substr(1)), std::nullopt);
    EXPECT_EQ(decode_user_id("=" + good.substr(1)), std::nullopt);
    EXPECT_EQ(decode_user_id(good.substr(0, 10) + "=" + good.substr(11)), std::nullopt);
    EXPECT_EQ(decode_user_id(encoded({1, 2, 3, 0})), std::nullopt);
}

TEST(UserId, CookieDatesHaveTwoDigitsUpTo2037) {
    EXPECT_EQ(date(0), "Thu, 01-Jan-70 00:00:00 GMT");
    EXPECT_EQ(date(784111777), "Sun, 06-Nov-94 08:49:37 GMT");
    EXPECT_EQ(date(1000000000), "Sun, 09-Sep-01 01:46:40 GMT");
    EXPECT_EQ(date(2145916555), "Thu, 31-Dec-37 23:55:55 GMT");
    EXPECT_EQ(date(2145916800), "Fri, 01-Jan-2038 00:00:00 GMT");
}

TEST(UserIdSource, PutsServiceAndTimeWhereTheyBelong) {
    UserIdSource source(77, 0);

    const UserId second = source.next(htonl(5), UnixSeconds(1000));
    const UserId first = source.next_v1(5, UnixSeconds(1000));

    EXPECT_EQ(second[0], htonl(5));
    EXPECT_EQ(second[1], htonl(1000));
    EXPECT_EQ(second[2], htonl(77));
    EXPECT_EQ(first[0], 5U);
    EXPECT_EQ(first[1], 1000U);
    EXPECT_EQ(first[2], 77U);
}

TEST(UserIdSource, NeverGivesTheSameTwice) {
    std::set<UserId> seen;
    std::size_t made = 0;
    for (const std::uint32_t process : {1U, 2U, 4194303U}) {
        for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{0xffff0000} << 32U}) {
            UserIdSource source(process, seed);
            for (std::int64_t i = 0; i < 1000; ++i) {
                seen.insert(source.next(1, UnixSeconds(i / 500)));
                seen.insert(source.next_v1(1, UnixSeconds(i / 500)));
                made += 2;
            }
        }
    }

    EXPECT_EQ(seen.size(), made);
}

TEST(UserIdSource, GoesOnWhereTheSequenceBeginsAgain) {
    UserIdSource source(1, 0xfffffe);
    std::set<UserId> seen;

    for (int i = 0; i < 5; ++i) {
        const UserId id = source.next(1, UnixSeconds(1));
        EXPECT_NE(id[3], 0U);
        seen.insert(id);
    }

    EXPECT_EQ(seen.size(), 5U);
}

}  // namespace
}  // namespace sluice::modules
