// SPDX-License-Identifier: BSD-2-Clause
// A crash is answered at once; a child that cannot live is not born again without end.
#include "master/backoff.h"

#include <gtest/gtest.h>

namespace sluice::master {
namespace {

TEST(Backoff, AnswersFourEarlyDeathsAtOnceThenDoublesToFiveSeconds) {
    Backoff backoff;
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(backoff.after_death(Millis{1}), Millis{0});
    }
    for (const int pause : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
        EXPECT_EQ(backoff.after_death(Millis{999}), Millis{pause});
    }
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(backoff.after_death(Millis{0}), Millis{5000});
    }
}

TEST(Backoff, ForgetsEarlyDeathsAfterALifeOfOneSecond) {
    Backoff backoff;
    for (int i = 0; i < 6; ++i) {
        static_cast<void>(backoff.after_death(Millis{10}));
    }

    EXPECT_EQ(backoff.after_death(Millis{1000}), Millis{0});
    EXPECT_EQ(backoff.after_death(Millis{10}), Millis{0});
}

}  // namespace
}  // namespace sluice::master
