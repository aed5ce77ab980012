// SPDX-License-Identifier: BSD-2-Clause
// BufferPool: pages come back, a bounded number stays.
#include "net/buffer_pool.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(BufferPool, HandsTheSamePageOutAgainAndKeepsABoundedNumber) {
    BufferPool pool(4096, 1);
    BufferPool::Page a = pool.take();
    BufferPool::Page b = pool.take();
    ASSERT_NE(a, nullptr);
    EXPECT_NE(a, b);
    EXPECT_EQ(pool.span_of(a).size(), 4096U);
    const char* const first = a.get();

    pool.give_back(std::move(a));
    pool.give_back(std::move(b));
    pool.give_back(nullptr);

    EXPECT_EQ(pool.retained(), 1U);
    EXPECT_EQ(pool.take().get(), first);
}

}  // namespace
}  // namespace sluice::net
