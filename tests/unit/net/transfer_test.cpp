// SPDX-License-Identifier: BSD-2-Clause
#include "net/transfer.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

constexpr TransferTable kTable{.memory_file = 100, .copied_body = 50, .splice_from = 10};

TEST(Transfer, SmallFilesLeaveFromMemoryAndLargerOnesBySendfile) {
    EXPECT_EQ(choose_means({.source = Source::File, .size = 100}, kTable), Means::Memory);
    EXPECT_EQ(choose_means({.source = Source::File, .size = 101}, kTable), Means::Sendfile);
}

TEST(Transfer, BytesThatMustBeSeenAreNeverSentByTheKernelAlone) {
    EXPECT_EQ(choose_means({.source = Source::File, .size = 1000, .is_transformed = true}, kTable),
              Means::Window);
    EXPECT_EQ(choose_means({.source = Source::Socket, .size = 1000, .is_transformed = true}, kTable),
              Means::Memory);
}

TEST(Transfer, ARelaySplicesFromTheThresholdOn) {
    EXPECT_EQ(choose_means({.source = Source::Socket, .size = 9}, kTable), Means::Memory);
    EXPECT_EQ(choose_means({.source = Source::Socket, .size = 10}, kTable), Means::Splice);
}

TEST(Transfer, MemoryStaysMemory) {
    EXPECT_EQ(choose_means({.source = Source::Memory, .size = 1U << 30}, kTable), Means::Memory);
}

}  // namespace
}  // namespace sluice::net
