// SPDX-License-Identifier: BSD-2-Clause
// Regex: groups, names, limits and the sentence of a broken pattern.
#include "script/regex.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace sluice::script {
namespace {

TEST(Regex, GivesGroupsAsViewsOfTheSubject) {
    const auto regex = Regex::compile("^/(\\w+)/(x)?(\\d+)$", false);
    const std::string_view subject = "/user/42";
    std::array<std::string_view, 6> groups;
    groups.fill("stale");

    ASSERT_TRUE(regex);
    ASSERT_TRUE(regex->match(subject, groups));
    EXPECT_EQ(groups[0], subject);
    EXPECT_EQ(groups[1].data(), subject.data() + 1);
    EXPECT_EQ(groups[2], "");
    EXPECT_EQ(groups[3], "42");
    EXPECT_EQ(groups[5], "");
    EXPECT_EQ(regex->group_count(), 3U);
}

TEST(Regex, IgnoresCaseOnlyWhenAsked) {
    EXPECT_TRUE(Regex::compile("\\.php$", true)->match("/a.PHP"));
    EXPECT_FALSE(Regex::compile("\\.php$", false)->match("/a.PHP"));
    EXPECT_TRUE(Regex::compile("", false)->match(""));
}

TEST(Regex, NamesItsGroups) {
    const auto regex = Regex::compile("^(?<user>.+)\\.(?P<zone>.+)$", false);

    ASSERT_TRUE(regex);
    ASSERT_EQ(regex->named_groups().size(), 2U);
    EXPECT_EQ(regex->named_groups()[0].name, "user");
    EXPECT_EQ(regex->named_groups()[0].number, 1U);
    EXPECT_EQ(regex->named_groups()[1].name, "zone");
}

TEST(Regex, KeepsTheFirstNineOfMoreGroups) {
    const auto regex = Regex::compile("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", false);
    std::array<std::string_view, Regex::kMaxGroups> groups;

    ASSERT_TRUE(regex->match("abcdefghijk", groups));
    EXPECT_EQ(groups[9], "i");
}

TEST(Regex, SaysWhereAPatternIsBroken) {
    const auto regex = Regex::compile("a(b", false);

    ASSERT_FALSE(regex);
    EXPECT_EQ(regex.error(),
              "pcre2_compile() failed: missing closing parenthesis in \"a(b\" at offset 3");
}

TEST(Regex, GivesUpOnCatastrophicBacktracking) {
    const auto regex = Regex::compile("^(a+)+$", false);

    EXPECT_FALSE(regex->match(std::string(64, 'a') + "b"));
}

TEST(Regex, SaysTheSameAsMachineCode) {
    auto regex = Regex::compile("^/(\\w+)/(x)?(\\d+)$", false);
    auto greedy = Regex::compile("^(a+)+$", false);
    std::array<std::string_view, 4> groups;
    ASSERT_TRUE(regex && greedy);
    if (!regex->use_jit()) {
        GTEST_SKIP() << "no executable memory here";
    }

    ASSERT_TRUE(greedy->use_jit());
    ASSERT_TRUE(regex->match("/user/42", groups));
    EXPECT_EQ(groups[1], "user");
    EXPECT_EQ(groups[2], "");
    EXPECT_EQ(groups[3], "42");
    EXPECT_FALSE(regex->match("/user/"));
    EXPECT_FALSE(greedy->match(std::string(64, 'a') + "b"));
}

TEST(Regex, InterpretsWhatMachineCodeHasNoStackFor) {
    auto regex = Regex::compile("^((?:.|x)*)!$", false);
    std::array<std::string_view, 2> groups;
    ASSERT_TRUE(regex);
    const std::string subject = std::string(4000, 'y') + "!";
    ASSERT_TRUE(regex->match(subject, groups));
    if (!regex->use_jit()) {
        GTEST_SKIP() << "no executable memory here";
    }

    ASSERT_TRUE(regex->match(subject, groups));
    EXPECT_EQ(groups[1].size(), 4000U);
}

TEST(Regex, WorksAfterAMove) {
    auto first = Regex::compile("^/x", false);
    const Regex second = std::move(*first);

    EXPECT_TRUE(second.match("/xyz"));
    EXPECT_EQ(second.pattern(), "^/x");
}

}  // namespace
}  // namespace sluice::script
