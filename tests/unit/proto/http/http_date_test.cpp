// SPDX-License-Identifier: BSD-2-Clause
// HTTP dates.
// Runs in: tests.
#include "proto/http/http_date.h"

#include <array>
#include <ctime>
#include <string>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

std::string formatted(std::int64_t seconds) {
    std::array<char, kHttpDateSize> out{};
    format_http_date(UnixSeconds(seconds), out);
    return {out.data(), out.size()};
}

TEST(HttpDate, FormatsKnownMoments) {
    EXPECT_EQ(formatted(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(formatted(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
    EXPECT_EQ(formatted(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
    EXPECT_EQ(formatted(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(HttpDate, AgreesWithTheLibraryEverySoOften) {
    for (std::int64_t when = -3'000'000'000; when < 9'000'000'000; when += 8'640'007) {
        const std::time_t seconds = when;
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        std::array<char, 64> expected{};
        std::strftime(expected.data(), expected.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);

        ASSERT_EQ(formatted(when), expected.data());
        ASSERT_EQ(parse_http_date(formatted(when)), UnixSeconds(when));
    }
}

TEST(HttpDate, ReadsAllThreeForms) {
    const UnixSeconds expected(784111777);
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), expected);
}

TEST(HttpDate, RefusesOtherTexts) {
    for (const std::string_view bad :
         {"", "0", "Sun", "Sun, 31 Feb 2000 00:00:00 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMTx",
          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun,06 Nov 1994 08:49:37 GMT",
          "Sun, 06 Nux 1994 08:49:37 GMT"}) {
        EXPECT_FALSE(parse_http_date(bad)) << bad;
    }
}

}  // namespace
}  // namespace sluice::http
