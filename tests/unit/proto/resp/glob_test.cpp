// SPDX-License-Identifier: BSD-2-Clause
// Patterns of keys.
#include "proto/resp/glob.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::resp {
namespace {

TEST(Glob, MatchesAsRedisDoes) {
    for (const auto& [pattern, text] : {std::pair{"*", ""}, {"", ""}, {"a*", "a"}, {"*b", "aab"},
                                        {"a?c", "abc"}, {"[a-c]x", "bx"}, {"[c-a]x", "bx"},
                                        {"[^a]", "b"}, {"a\\*b", "a*b"}, {"[\\]]", "]"},
                                        {"*a*b*", "xxaxxbxx"}, {"**x", "x"}, {"[ab", "b"},
                                        {"user:*:name", "user:12:name"}, {"a\\", "a\\"}}) {
        EXPECT_TRUE(matches_glob(pattern, text)) << pattern << " " << text;
    }
    for (const auto& [pattern, text] : {std::pair{"", "a"}, {"?", ""}, {"a", "A"}, {"a?", "a"},
                                        {"[^a]", "a"}, {"[a-c]", "d"}, {"a\\*b", "axb"},
                                        {"*a*b", "ba"}, {"[]", "]"}, {"abc", "ab"}}) {
        EXPECT_FALSE(matches_glob(pattern, text)) << pattern << " " << text;
    }
}

TEST(Glob, TakesNoLongerThanTheProductOfBothLengths) {
    std::string pattern;
    for (int i = 0; i < 200; ++i) {
        pattern += "*a";
    }

    EXPECT_FALSE(matches_glob(pattern + "b", std::string(20'000, 'a')));
}

}  // namespace
}  // namespace sluice::resp
