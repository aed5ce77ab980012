// SPDX-License-Identifier: BSD-2-Clause
// The arithmetic of limit_rate.
// Runs in: tests.
#include "proto/http/limit_rate.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(RateLimit, GivesASecondsWorthAtOnceAndPortionsBehind) {
    const RateLimit limit{.rate = 1000};

    EXPECT_EQ(limit.allowance(0, Millis(0)), 1000U);
    EXPECT_EQ(limit.allowance(1000, Millis(0)), 0U);
    EXPECT_EQ(limit.allowance(1000, Millis(249)), 0U);
    EXPECT_EQ(limit.allowance(1000, Millis(250)), 250U);
    EXPECT_EQ(limit.allowance(1000, Millis(2000)), 2000U);
}

TEST(RateLimit, DoesNotCountTheFirstBytes) {
    const RateLimit limit{.rate = 1000, .after = 500};

    EXPECT_EQ(limit.allowance(0, Millis(0)), 1500U);
    EXPECT_EQ(limit.next_allowance(1500), Millis(250));
}

TEST(RateLimit, AsksAgainExactlyWhenSomethingIsAllowed) {
    for (const std::uint64_t rate : {1U, 3U, 7U, 999U, 1'000'000U}) {
        const RateLimit limit{.rate = rate, .after = 11};
        for (std::uint64_t sent = 0; sent < 100'000; sent = sent * 2 + 1) {
            const Millis next = limit.next_allowance(sent);
            EXPECT_GT(limit.allowance(sent, next), 0U) << rate << " after " << sent;
            if (next > Millis(0)) {
                EXPECT_EQ(limit.allowance(sent, next - Millis(1)), 0U) << rate << ", " << sent;
            }
        }
    }
}

TEST(RateLimit, SurvivesLargeNumbers) {
    const RateLimit limit{.rate = std::uint64_t{1} << 50, .after = std::uint64_t{1} << 50};

    EXPECT_GT(limit.allowance(std::uint64_t{1} << 40, Millis(1'000'000'000)), 0U);
    EXPECT_GE(limit.next_allowance(std::uint64_t{1} << 52), Millis(0));
}

}  // namespace
}  // namespace sluice::http
