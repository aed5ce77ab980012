// SPDX-License-Identifier: BSD-2-Clause
// Pipelines with real programs: joined by pipes, started again, ended by the end of their input.
#include "master/pipeline.h"

#include <array>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "temporary_folder.h"

namespace sluice::master {
namespace {

class PipelineTest : public testing::Test {
  protected:
    /// Reaps and ticks until `condition` holds.
    bool until(Pipeline& pipeline, const std::function<bool()>& condition) {
        const Millis limit = sys::monotonic_now() + Millis(10'000);
        const sys::UniqueFd pause = *sys::epoll_create();
        std::array<epoll_event, 1> none{};
        while (!condition()) {
            if (sys::monotonic_now() > limit) {
                return false;
            }
            while (const auto death = sys::reap()) {
                if (!*death) {
                    break;
                }
                ours_ += pipeline.bury(**death, sys::monotonic_now()) ? 1 : 0;
            }
            pipeline.tick(sys::monotonic_now());
            static_cast<void>(sys::epoll_wait(pause.get(), none, Millis(1)));
        }
        return true;
    }

    bool has(const std::string& text) const {
        const auto read = sys::read_file(path_.c_str(), 1 << 20);
        return read && read->find(text) != std::string::npos;
    }

    static void write(const Pipeline& pipeline, std::string_view text) {
        ASSERT_TRUE(sys::write_all(pipeline.writing_end(), text));
    }

    TemporaryFolder folder_;
    std::string path_ = folder_.file("out");
    int ours_ = 0;
};

TEST_F(PipelineTest, CommandsAreJoinedAndEndWithTheirInput) {
    Pipeline pipeline({{"tr", "a-z", "A-Z"}, {"tee", path_}}, 2);
    ASSERT_TRUE(pipeline.open());
    pipeline.start(sys::monotonic_now());
    EXPECT_EQ(pipeline.members(), 2U);

    write(pipeline, "line\n");
    pipeline.close(sys::monotonic_now());

    EXPECT_TRUE(until(pipeline, [&] { return pipeline.is_gone(); }));
    EXPECT_TRUE(has("LINE\n"));
    EXPECT_EQ(ours_, 2);
}

TEST_F(PipelineTest, WhatIsWrittenWhileTheyAreDeadWaits) {
    Pipeline pipeline({{"cat"}, {"tee", "-a", path_}}, 2);
    ASSERT_TRUE(pipeline.open());
    pipeline.start(sys::monotonic_now());

    pipeline.kill();
    // Both: one that still has to die may take the line with it.
    ASSERT_TRUE(until(pipeline, [&] { return ours_ >= 2; }));
    write(pipeline, "in between\n");

    EXPECT_TRUE(until(pipeline, [&] { return has("in between\n"); }));
    EXPECT_EQ(pipeline.members(), 2U);
    pipeline.close(sys::monotonic_now());
    EXPECT_TRUE(until(pipeline, [&] { return pipeline.is_gone(); }));
}

TEST_F(PipelineTest, AProgramThatEndsAtOnceIsNotStartedWithoutPause) {
    Pipeline pipeline({{"true"}}, 2);
    ASSERT_TRUE(pipeline.open());
    pipeline.start(sys::monotonic_now());

    // The first deaths are answered at once, the later ones with growing pauses.
    const Millis begin = sys::monotonic_now();
    ASSERT_TRUE(until(pipeline, [&] { return ours_ >= 7; }));

    EXPECT_GE(sys::monotonic_now() - begin, Millis(100 + 200));
    pipeline.close(sys::monotonic_now());
    EXPECT_TRUE(until(pipeline, [&] { return pipeline.is_gone(); }));
}

TEST_F(PipelineTest, AProgramThatIsNotThereIsAnErrorBeforeAnythingRuns) {
    Pipeline pipeline({{"cat"}, {"/no/such/program"}}, 2);

    const Result<> opened = pipeline.open();

    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ENOENT);
    EXPECT_EQ(pipeline.members(), 0U);
}

TEST_F(PipelineTest, OtherDeathsAreNotOurs) {
    Pipeline pipeline({{"cat"}}, 2);
    ASSERT_TRUE(pipeline.open());

    EXPECT_FALSE(pipeline.bury({.pid = 1}, sys::monotonic_now()));
}

}  // namespace
}  // namespace sluice::master
