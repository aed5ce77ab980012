// SPDX-License-Identifier: BSD-2-Clause
#include "base/murmur2.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Murmur2, GivesTheKnownValuesOfEveryLengthOfRest) {
    EXPECT_EQ(murmur2(""), 0U);
    EXPECT_EQ(murmur2("a"), 0x92685f5eU);
    EXPECT_EQ(murmur2("ab"), 0x1aa14063U);
    EXPECT_EQ(murmur2("abc"), 0x13577c9bU);
    EXPECT_EQ(murmur2("abcd"), 0x26873021U);
    EXPECT_EQ(murmur2("abcdefgh-"), 0xe3a1e4d1U);
}

}  // namespace
}  // namespace sluice
