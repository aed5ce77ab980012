// SPDX-License-Identifier: BSD-2-Clause
// Chain: order, bound, partial consumption.
#include "net/chain.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(Chain, ConsumesAcrossMemoryAndFilePieces) {
    Chain chain;
    ASSERT_TRUE(chain.push_memory("abcd"));
    ASSERT_TRUE(chain.push_file(9, 100, 50));

    chain.consume(3);
    EXPECT_EQ(std::string_view(chain.front().data, chain.front().size), "d");
    chain.consume(11);
    EXPECT_EQ(chain.front().offset, 110);
    EXPECT_EQ(chain.front().size, 40U);
    EXPECT_EQ(chain.bytes(), 40U);
    chain.consume(40);
    EXPECT_TRUE(chain.empty());
}

TEST(Chain, RefusesAPieceTooManyAndTakesItWhenThereIsRoom) {
    Chain chain;
    for (std::size_t i = 0; i < Chain::kCapacity; ++i) {
        ASSERT_TRUE(chain.push_memory("ab"));
    }
    EXPECT_FALSE(chain.push_memory("x"));
    EXPECT_EQ(chain.bytes(), 2 * Chain::kCapacity);

    chain.consume(3);
    EXPECT_EQ(chain.room(), 1U);
    EXPECT_TRUE(chain.push_memory("yz"));

    EXPECT_EQ(chain[chain.size() - 1].size, 2U);
    EXPECT_EQ(chain.front().size, 1U) << "the half-sent piece was lost when room was made";
}

TEST(Chain, DropsEmptyPieces) {
    Chain chain;

    EXPECT_TRUE(chain.push_file(3, 0, 0));
    EXPECT_TRUE(chain.push_memory(""));

    EXPECT_TRUE(chain.empty());
}

TEST(ChainDeathTest, AbortsWhenMoreIsConsumedThanThereIs) {
    Chain chain;
    ASSERT_TRUE(chain.push_memory("ab"));

    EXPECT_DEATH(chain.consume(3), "more consumed");
}

}  // namespace
}  // namespace sluice::net
