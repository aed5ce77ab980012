// SPDX-License-Identifier: BSD-2-Clause
// PipePool: only empty pipes come back, and there are never too many.
#include "net/pipe_pool.h"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "sys/file.h"

namespace sluice::net {
namespace {

TEST(PipePool, TakesTheLastReturnedPipeAgain) {
    PipePool pool;
    Pipe first = pool.take();
    Pipe second = pool.take();
    ASSERT_TRUE(first.is_open() && second.is_open());
    EXPECT_EQ(pool.borrowed(), 2U);
    const int known = second.read_end.get();
    pool.give_back(std::move(first), 0);
    pool.give_back(std::move(second), 0);

    EXPECT_EQ(pool.borrowed(), 0U);
    EXPECT_EQ(pool.retained(), 2U);
    EXPECT_EQ(pool.take().read_end.get(), known);
}

TEST(PipePool, ClosesAPipeThatIsNotEmpty) {
    PipePool pool;
    Pipe pipe = pool.take();
    ASSERT_TRUE(sys::write(pipe.write_end.get(), std::string_view("left")).has_value());

    pool.give_back(std::move(pipe), 4);

    EXPECT_EQ(pool.retained(), 0U);
    EXPECT_EQ(pool.borrowed(), 0U);
}

TEST(PipePool, LendsNoMoreThanItsLimitAndKeepsFewer) {
    PipePool pool({.most = 3, .retained = 1});
    Pipe pipes[] = {pool.take(), pool.take(), pool.take()};

    EXPECT_FALSE(pool.take().is_open());

    for (Pipe& pipe : pipes) {
        pool.give_back(std::move(pipe), 0);
    }
    EXPECT_EQ(pool.retained(), 1U);
    EXPECT_TRUE(pool.take().is_open());
}

TEST(PipePool, GivesTheSizeThatTheKernelGranted) {
    PipePool pool({.pipe_size = 128 * 1024});

    EXPECT_EQ(pool.take().capacity, 128U * 1024);
}

}  // namespace
}  // namespace sluice::net
