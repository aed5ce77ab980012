// SPDX-License-Identifier: BSD-2-Clause
// Pool: results in the loop, priorities, the bound, cancelling.
#include "event/pool.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::event {
namespace {

struct Job : Work {
    std::string* log = nullptr;
    std::string name;
    std::thread::id ran_in;
    std::atomic<bool>* begun = nullptr;
    std::atomic<bool>* gate = nullptr;

    Job() {
        run = [](Work& work) {
            auto& job = static_cast<Job&>(work);
            job.ran_in = std::this_thread::get_id();
            if (job.begun != nullptr) {
                *job.begun = true;
                job.begun->notify_all();
            }
            if (job.gate != nullptr) {
                job.gate->wait(false);
            }
        };
        done = [](Work& work) {
            auto& job = static_cast<Job&>(work);
            *job.log += job.name;
        };
    }
};

struct PoolTest : ::testing::Test {
    std::unique_ptr<Loop> loop = Loop::create().value();
    std::unique_ptr<Pool> pool = Pool::create(*loop, {.threads = 1, .queue_limit = 3}).value();
    std::string log;
    std::atomic<bool> begun{false};
    std::atomic<bool> gate{false};
    Job blocker;

    // Fills the only thread, so that what follows stays in the queue.
    void block() {
        blocker.log = &log;
        blocker.begun = &begun;
        blocker.gate = &gate;
        ASSERT_TRUE(pool->submit(blocker, Priority::Normal));
        begun.wait(false);
    }

    void release() {
        gate = true;
        gate.notify_all();
        while (pool->pending() > 0) {
            ASSERT_TRUE(loop->run_once(Millis(5000)).has_value());
        }
    }

    void prepare(Job& job, std::string name) {
        job.log = &log;
        job.name = std::move(name);
    }
};

TEST_F(PoolTest, RunsInAThreadAndFinishesInTheLoop) {
    Job job;
    prepare(job, "done");

    ASSERT_TRUE(pool->submit(job, Priority::Normal));
    release();

    EXPECT_EQ(log, "done");
    EXPECT_NE(job.ran_in, std::this_thread::get_id());
}

TEST_F(PoolTest, ServesByPriorityAndRefusesWhenFull) {
    Job low;
    Job normal;
    Job high;
    Job refused;
    prepare(low, "low ");
    prepare(normal, "normal ");
    prepare(high, "high ");
    block();

    EXPECT_TRUE(pool->submit(low, Priority::Low));
    EXPECT_TRUE(pool->submit(normal, Priority::Normal));
    EXPECT_TRUE(pool->submit(high, Priority::High));
    EXPECT_FALSE(pool->submit(refused, Priority::High));
    release();

    EXPECT_EQ(log, "high normal low ");
}

TEST_F(PoolTest, CancelsWhatHasNotBegunAndOnlyThat) {
    Job job;
    prepare(job, "never");
    block();
    ASSERT_TRUE(pool->submit(job, Priority::Normal));

    EXPECT_TRUE(pool->cancel(job));
    EXPECT_FALSE(pool->cancel(blocker));
    release();

    EXPECT_EQ(log, "");
    EXPECT_EQ(blocker.state, Work::State::Idle);
}

TEST_F(PoolTest, StartsNoThreadBeforeTheFirstWorkAndNoMoreThanAllowed) {
    pool = Pool::create(*loop, {.threads = 2, .queue_limit = 8}).value();
    EXPECT_EQ(pool->threads(), 0U);
    Job jobs[3];
    for (Job& job : jobs) {
        prepare(job, ".");
    }

    block();
    EXPECT_EQ(pool->threads(), 1U);
    for (Job& job : jobs) {
        ASSERT_TRUE(pool->submit(job, Priority::Normal));
    }

    EXPECT_EQ(pool->threads(), 2U);
    release();
    EXPECT_EQ(log.size(), 3U);
}

TEST_F(PoolTest, OneThreadThatHangsDoesNotKeepOthersWaiting) {
    pool = Pool::create(*loop, {.threads = 2, .queue_limit = 8}).value();
    Job job;
    prepare(job, "served");
    block();

    ASSERT_TRUE(pool->submit(job, Priority::Low));
    while (log.empty()) {
        ASSERT_TRUE(loop->run_once(Millis(5000)).has_value());
    }

    EXPECT_EQ(log, "served");
    release();
}

TEST_F(PoolTest, StopGivesUpOnWorkThatHangs) {
    Job queued;
    prepare(queued, "never");
    block();
    ASSERT_TRUE(pool->submit(queued, Priority::Normal));

    EXPECT_FALSE(pool->stop(Millis(1)));
    EXPECT_EQ(blocker.state, Work::State::Running);
    gate = true;
    gate.notify_all();

    EXPECT_TRUE(pool->stop(Millis(10'000)));
    EXPECT_EQ(blocker.state, Work::State::Idle);
    EXPECT_EQ(queued.state, Work::State::Idle);
    EXPECT_FALSE(pool->submit(queued, Priority::Normal));
    EXPECT_EQ(log, "");
}

TEST_F(PoolTest, DropsTheQueueWhenDestroyed) {
    Job job;
    prepare(job, "never");
    block();
    ASSERT_TRUE(pool->submit(job, Priority::Normal));

    gate = true;
    gate.notify_all();
    pool.reset();

    EXPECT_EQ(log, "");
}

}  // namespace
}  // namespace sluice::event
