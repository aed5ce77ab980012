// SPDX-License-Identifier: BSD-2-Clause
// Task, FrameArena, Waiter: eager start, stack use, LIFO frames, failure, destruction while
// waiting.
#include "event/task.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "event/loop.h"
#include "event/waiter.h"

namespace sluice::event {
namespace {

struct Owner {
    explicit Owner(std::size_t cap = std::size_t{64} * 1024) : frames(arena, cap) {}

    Arena arena;
    FrameArena frames;

    FrameArena& frame_arena() { return frames; }
};

Task<Result<int>> one(Owner&) {
    co_return 1;
}

Task<Result<std::int64_t>> sum_of_ones(Owner& owner, std::int64_t count) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const Result<int> step = co_await one(owner);
        if (!step) {
            co_return std::unexpected(step.error());
        }
        sum += *step;
    }
    co_return sum;
}

// A lazy task with symmetric transfer would overflow the stack here in unoptimised builds.
TEST(Task, TwoMillionCompletedAwaitsUseNoStack) {
    Owner owner;

    auto task = sum_of_ones(owner, 2'000'000);

    ASSERT_TRUE(task.is_done());
    EXPECT_EQ(task.take(), 2'000'000);
}

TEST(Task, GivesItsFrameBack) {
    Owner owner;
    {
        auto task = sum_of_ones(owner, 3);
        EXPECT_GT(owner.frames.live_bytes(), 0U);
        EXPECT_EQ(owner.arena.footprint(), 4096U) << "the children's frames were not reused";
    }

    EXPECT_TRUE(owner.frames.empty());
}

Task<Result<std::string>> waits(Owner&, Waiter*& handle, Loop& loop, std::string& log) {
    log += "begin ";
    Waiter waiter(loop);
    handle = &waiter;
    co_await waiter;
    log += "end ";
    co_return std::string("answer");
}

Task<Result<std::string>> outer(Owner& owner, Waiter*& handle, Loop& loop, std::string& log) {
    const Result<std::string> inner = co_await waits(owner, handle, loop, log);
    log += "outer ";
    co_return *inner + "!";
}

struct Waiting : ::testing::Test {
    std::unique_ptr<Loop> loop = Loop::create().value();
    Owner owner;
    Waiter* waiter = nullptr;
    std::string log;

    void turn() { ASSERT_TRUE(loop->run_once(Millis(0)).has_value()); }
};

TEST_F(Waiting, StartsAtOnceAndIsResumedOnlyByTheLoop) {
    auto task = outer(owner, waiter, *loop, log);
    bool has_finished = false;
    task.on_finish({[](void* flag) { *static_cast<bool*>(flag) = true; }, &has_finished});
    EXPECT_EQ(log, "begin ");

    waiter->wake();
    waiter->wake();
    EXPECT_EQ(log, "begin ") << "wake() resumed the task itself";
    turn();

    EXPECT_EQ(log, "begin end outer ");
    EXPECT_TRUE(has_finished);
    EXPECT_EQ(task.take(), "answer!");
}

TEST_F(Waiting, ATaskDestroyedAfterTheWakeIsNotResumed) {
    {
        auto task = outer(owner, waiter, *loop, log);
        waiter->wake();
    }

    turn();

    EXPECT_EQ(log, "begin ");
    EXPECT_TRUE(owner.frames.empty());
}

Task<Result<int>> sleeps(Owner&, Loop& loop, Millis delay) {
    Sleep sleep(loop, delay);
    co_await sleep;
    co_return 7;
}

TEST_F(Waiting, SleepEndsNotBeforeItsTimeAndLeavesTheWheelWhenDestroyed) {
    const Millis before = sys::monotonic_now();
    auto task = sleeps(owner, *loop, Millis(15));
    {
        Owner other;
        auto destroyed = sleeps(other, *loop, Millis(5));
    }

    while (!task.is_done()) {
        ASSERT_TRUE(loop->run_once(Millis(1000)).has_value());
    }

    EXPECT_GE(sys::monotonic_now() - before, Millis(15));
    EXPECT_EQ(task.take(), 7);
}

TEST(Task, ReportsThatThereIsNoMemoryForItsFrame) {
    Owner owner(16);

    auto task = one(owner);

    EXPECT_FALSE(task.has_frame());
    ASSERT_TRUE(task.is_done());
    const Result<int> result = task.take();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ENOMEM);
}

Task<Result<int>> deep(Owner& owner, int depth) {
    if (depth == 0) {
        co_return 0;
    }
    const Result<int> below = co_await deep(owner, depth - 1);
    if (!below) {
        co_return std::unexpected(below.error());
    }
    co_return *below + 1;
}

TEST(Task, ARecursionPastTheCapFailsAtItsRoot) {
    Owner owner;

    auto shallow = deep(owner, 20);
    EXPECT_EQ(shallow.take(), 20);
    auto task = deep(owner, 100'000);

    EXPECT_EQ(task.take().error().code, ENOMEM);
}

TEST(FrameArena, ReusesItsChunksAcrossTheirBorder) {
    Arena arena;
    FrameArena frames(arena);
    std::size_t warm = 0;

    for (int round = 0; round < 1000; ++round) {
        void* const a = frames.allocate(1500);
        void* const b = frames.allocate(1500);
        void* const c = frames.allocate(5000);
        ASSERT_NE(c, nullptr);
        FrameArena::pop(c);
        FrameArena::pop(b);
        FrameArena::pop(a);
        if (round == 0) {
            warm = arena.footprint();
        }
    }

    EXPECT_EQ(arena.footprint(), warm);
    EXPECT_TRUE(frames.empty());
}

TEST(FrameArenaDeathTest, AbortsWhenAFrameDiesOutOfOrder) {
    Arena arena;
    FrameArena frames(arena);
    void* const older = frames.allocate(64);
    void* const newer = frames.allocate(64);
    ASSERT_NE(newer, nullptr);

    EXPECT_DEATH(FrameArena::pop(older), "newer");
}

}  // namespace
}  // namespace sluice::event
