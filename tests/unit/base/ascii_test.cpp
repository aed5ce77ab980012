// SPDX-License-Identifier: BSD-2-Clause
// ASCII helpers at their edges.
// Runs in: tests.
#include "base/ascii.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Ascii, ParseDecimalTakesOnlyWholeUnsignedNumbers) {
    EXPECT_EQ(parse_decimal("18446744073709551615"), 18446744073709551615U);
    for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616", "0x10"}) {
        EXPECT_FALSE(parse_decimal(bad)) << bad;
    }
}

TEST(Ascii, CaseIsFoldedForLettersOnly) {
    EXPECT_TRUE(equals_ignoring_case("Content-Length", "cONTENT-lENGTH"));
    EXPECT_FALSE(equals_ignoring_case("@", "`"));
    EXPECT_FALSE(equals_ignoring_case("a", "ab"));
}

TEST(Ascii, HexValueRefusesNeighboursOfTheDigits) {
    EXPECT_EQ(hex_value('f'), 15);
    EXPECT_EQ(hex_value('F'), 15);
    for (const char c : {'g', '/', ':', '@', '`', '\xff'}) {
        EXPECT_EQ(hex_value(c), -1);
    }
}

TEST(Ascii, TrimTakesBlanksAndTabsOnly) {
    EXPECT_EQ(trim(" \t a b \t"), "a b");
    EXPECT_EQ(trim("\n"), "\n");
    EXPECT_EQ(trim("  "), "");
}

}  // namespace
}  // namespace sluice
