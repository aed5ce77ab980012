// SPDX-License-Identifier: BSD-2-Clause
// What an upgrade passes on reads back the same; anything else is refused.
#include "master/upgrade.h"

#include <gtest/gtest.h>

namespace sluice::master {
namespace {

TEST(Upgrade, DescribesSocketsInTheOrderOfTheirDescriptors) {
    const std::string text =
        describe(4711, {{"0.0.0.0:80", 0, 55}, {"unix:/a b", 0, 56}, {"[::]:80", 3, 57}});

    const std::optional<Description> back = parse_description(text);

    ASSERT_TRUE(back);
    EXPECT_EQ(back->parent, 4711);
    EXPECT_EQ(back->shared_log, 3);
    ASSERT_EQ(back->sockets.size(), 3U);
    EXPECT_EQ(back->sockets[0].fd, 4);
    EXPECT_EQ(back->sockets[1].key, "unix:/a b");
    EXPECT_EQ(back->sockets[2].member, 3);
    EXPECT_EQ(back->sockets[2].fd, 6);
}

TEST(Upgrade, RefusesWhatIsNoDescription) {
    for (const char* text : {"", "x", "1\n3\n", "10\n2\n", "10\n3\n1 0 k\n", "10\n3\n4 0\n",
                             "10\n3\n4 70000 k\n", "10\n3\n99999999999 0 k\n"}) {
        EXPECT_FALSE(parse_description(text)) << text;
    }
}

}  // namespace
}  // namespace sluice::master
