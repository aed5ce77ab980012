// SPDX-License-Identifier: BSD-2-Clause
#include "script/name_table.h"

#include <gtest/gtest.h>

namespace sluice::script {
namespace {

using Outcome = NameTableBuilder::Outcome;

class NameTables : public testing::Test {
  protected:
    NameTable built() {
        NameTable table;
        EXPECT_TRUE(builder.build(arena, table));
        return table;
    }

    Arena arena;
    NameTableBuilder builder;
};

TEST_F(NameTables, FindsThousandsOfNamesInAnyCase) {
    for (std::uint32_t i = 0; i < 5000; ++i) {
        ASSERT_EQ(builder.add_exact("Name-" + std::to_string(i), i), Outcome::Added);
    }

    const NameTable table = built();

    for (std::uint32_t i = 0; i < 5000; ++i) {
        ASSERT_EQ(table.find_exact("nAME-" + std::to_string(i)), i);
    }
    EXPECT_EQ(table.find_exact("name-5000"), NameTable::kNone);
    EXPECT_EQ(table.find_exact(""), NameTable::kNone);
}

TEST_F(NameTables, AnEmptyNameIsAName) {
    ASSERT_EQ(builder.add_exact("", 7), Outcome::Added);

    EXPECT_EQ(built().find_exact(""), 7U);
}

TEST_F(NameTables, TheLongestWildcardWinsAndSuffixesComeFirst) {
    ASSERT_EQ(builder.add_host("*.example.com", 1), Outcome::Added);
    ASSERT_EQ(builder.add_host("*.www.example.com", 2), Outcome::Added);
    ASSERT_EQ(builder.add_host("www.*", 3), Outcome::Added);
    ASSERT_EQ(builder.add_host("www.deep.*", 4), Outcome::Added);
    ASSERT_EQ(builder.add_host(".both.org", 5), Outcome::Added);

    const NameTable table = built();

    EXPECT_EQ(table.find_host("a.example.com"), 1U);
    EXPECT_EQ(table.find_host("a.www.example.com"), 2U);
    EXPECT_EQ(table.find_host("www.example.com"), 1U);
    EXPECT_EQ(table.find_host("www.x"), 3U);
    EXPECT_EQ(table.find_host("www.deep.x"), 4U);
    EXPECT_EQ(table.find_host("both.org"), 5U);
    EXPECT_EQ(table.find_host("x.both.org"), 5U);
    EXPECT_EQ(table.find_host("example.com"), NameTable::kNone);
    EXPECT_EQ(table.find_host("www."), NameTable::kNone);
    EXPECT_EQ(table.find_host(""), NameTable::kNone);
    EXPECT_EQ(table.find_host("...."), NameTable::kNone);
}

TEST_F(NameTables, TellsWhatIsKnownAndWhatIsMalformed) {
    ASSERT_EQ(builder.add_host("example.com", 1), Outcome::Added);

    EXPECT_EQ(builder.add_host("Example.com", 2), Outcome::Known);
    EXPECT_EQ(builder.add_host(".example.com", 2), Outcome::Known);
    EXPECT_EQ(builder.add_host("a.*.b", 2), Outcome::Malformed);
    EXPECT_EQ(builder.add_host("*.a.*", 2), Outcome::Malformed);
    EXPECT_EQ(builder.add_host("a..b", 2), Outcome::Malformed);
}

}  // namespace
}  // namespace sluice::script
