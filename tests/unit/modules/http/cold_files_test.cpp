// SPDX-License-Identifier: BSD-2-Clause
// OpenFileCache with a pool: files that are not in memory are loaded by a thread, those who want one
// share the load, and an entry that something happens to meanwhile still answers them. The fault
// switch makes every file cold, and lets a name with "hang" hang until "<name>.go" exists.
#include <poll.h>
#include <sys/inotify.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "event/loop.h"
#include "event/pool.h"
#include "modules/http/open_file_cache.h"
#include "sys/fault.h"
#include "sys/file_events.h"

namespace sluice::modules {
namespace {

namespace fs = std::filesystem;

struct Waiting : FileWait {
    int calls = 0;

    Waiting() {
        ready = [](FileWait& wait) { ++static_cast<Waiting&>(wait).calls; };
    }
};

class ColdFilesTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "sluice-cold-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        sys::set_fault("cold-files", true);
        sys::set_fault("hung-files", true);
    }
    void TearDown() override {
        sys::set_fault("cold-files", false);
        sys::set_fault("hung-files", false);
        EXPECT_TRUE(pool_->stop(Millis(10'000)));
        cache_.reset();
        fs::remove_all(folder_);
    }

    std::string path(std::string_view name) const { return (folder_ / name).string(); }

    void write(std::string_view name, std::string_view bytes) const {
        std::ofstream(path(name), std::ios::trunc) << bytes;
    }

    /// The errno of a lookup (0: it is there, and unpinned again).
    int ask(std::string_view name, OpenFile** loading, Want want = Want::Content) {
        const std::string text = path(name);
        const auto file = cache_->look_up({.text = text}, want, policy_, loop_->now(), loading);
        if (file) {
            unpin(*file);
        }
        return file ? 0 : file.error();
    }

    void turn_until_ready(const Waiting& waiting) {
        while (waiting.calls == 0) {
            ASSERT_TRUE(loop_->run_once(Millis(10'000)));
        }
    }

    fs::path folder_;
    FilePolicy policy_;
    std::unique_ptr<event::Loop> loop_ = event::Loop::create().value();
    std::unique_ptr<event::Pool> pool_ =
        event::Pool::create(*loop_, {.threads = 2, .queue_limit = 8}).value();
    std::unique_ptr<OpenFileCache> cache_ =
        std::make_unique<OpenFileCache>(loop_.get(), pool_.get());
};

TEST_F(ColdFilesTest, AThreadLoadsWhatIsNotInMemory) {
    write("a", "bytes");
    OpenFile* loading = nullptr;
    ASSERT_EQ(ask("a", &loading), EINPROGRESS);
    Waiting waiting;
    waiting.file = loading;
    loading->waits.push_back(waiting);

    turn_until_ready(waiting);

    EXPECT_EQ(waiting.calls, 1);
    EXPECT_EQ(loading->memory(), "bytes");
    unpin(loading);
    EXPECT_EQ(ask("a", &loading), 0) << "a hit";
    EXPECT_EQ(pool_->pending(), 0U);
}

// Its directory is watched only when the load is done, so no event tells of this change.
TEST_F(ColdFilesTest, AChangeBetweenTheLoadAndTheWatchIsSeenByTheNextLookup) {
    policy_.has_events = true;
    policy_.valid = Millis(3'600'000);
    write("a", "old");
    const sys::UniqueFd inotify = sys::inotify().value();
    ASSERT_TRUE(loop_->run_once(Millis(0)));
    ASSERT_GE(::inotify_add_watch(inotify.get(), path("a").c_str(), IN_CLOSE_NOWRITE), 0);
    OpenFile* loading = nullptr;
    ASSERT_EQ(ask("a", &loading), EINPROGRESS);
    Waiting waiting;
    waiting.file = loading;
    loading->waits.push_back(waiting);
    pollfd read_through{.fd = inotify.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&read_through, 1, 10'000), 1) << "the thread has read and closed it";
    write("a", "newer");

    turn_until_ready(waiting);
    EXPECT_EQ(loading->memory(), "old");
    unpin(loading);

    sys::set_fault("cold-files", false);
    const std::string text = path("a");
    const auto again = cache_->look_up({.text = text}, Want::Content, policy_, loop_->now(), nullptr);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ((*again)->memory(), "newer");
    unpin(*again);
}

TEST_F(ColdFilesTest, ManyWaitForOneLoad) {
    write("hang", "x");
    OpenFile* first = nullptr;
    OpenFile* second = nullptr;
    OpenFile* facts = nullptr;

    ASSERT_EQ(ask("hang", &first), EINPROGRESS);
    ASSERT_EQ(ask("hang", &second), EINPROGRESS);
    ASSERT_EQ(ask("hang", &facts, Want::Facts), EINPROGRESS);

    EXPECT_EQ(first, second);
    EXPECT_EQ(first, facts);
    EXPECT_EQ(pool_->pending(), 1U);
    Waiting waiting[2];
    first->waits.push_back(waiting[0]);
    first->waits.push_back(waiting[1]);
    write("hang.go", "");
    turn_until_ready(waiting[1]);
    EXPECT_EQ(waiting[0].calls, 1);
    unpin(first);
    unpin(second);
    unpin(facts);
}

TEST_F(ColdFilesTest, OneThatHangsDelaysNoOther) {
    write("hang", "x");
    write("b", "b");
    OpenFile* hanging = nullptr;
    OpenFile* other = nullptr;
    ASSERT_EQ(ask("hang", &hanging), EINPROGRESS);
    ASSERT_EQ(ask("b", &other), EINPROGRESS);
    Waiting waiting;
    other->waits.push_back(waiting);

    turn_until_ready(waiting);

    EXPECT_TRUE(hanging->is_loading);
    EXPECT_EQ(other->memory(), "b");
    unpin(other);
    unpin(hanging);
    write("hang.go", "");
}

TEST_F(ColdFilesTest, WhatIsForgottenMeanwhileStillAnswersThoseWhoWait) {
    write("hang", "x");
    OpenFile* loading = nullptr;
    ASSERT_EQ(ask("hang", &loading), EINPROGRESS);
    Waiting waiting;
    loading->waits.push_back(waiting);

    cache_->clear();
    write("hang.go", "");
    turn_until_ready(waiting);

    EXPECT_EQ(cache_->size(), 0U);
    const auto held = cache_->look_up_held(*loading, policy_, loop_->now());
    ASSERT_TRUE(held);
    EXPECT_EQ((*held)->memory(), "x");
    unpin(*held);
    unpin(loading);
    EXPECT_EQ(cache_->memory_used(), 0U);
}

TEST_F(ColdFilesTest, NobodyNeedsToWaitToTheEnd) {
    write("hang", "x");
    OpenFile* loading = nullptr;
    ASSERT_EQ(ask("hang", &loading), EINPROGRESS);
    {
        Waiting waiting;
        loading->waits.push_back(waiting);
    }
    unpin(loading);

    write("hang.go", "");
    while (pool_->pending() > 0) {
        ASSERT_TRUE(loop_->run_once(Millis(10'000)));
    }

    EXPECT_EQ(ask("hang", &loading), 0);
}

TEST_F(ColdFilesTest, ErrorsComeTheSameWay) {
    OpenFile* loading = nullptr;
    ASSERT_EQ(ask("none", &loading), EINPROGRESS);
    Waiting waiting;
    loading->waits.push_back(waiting);

    turn_until_ready(waiting);

    const auto held = cache_->look_up_held(*loading, policy_, loop_->now());
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error(), ENOENT);
    unpin(loading);
    EXPECT_EQ(cache_->size(), 0U);
}

TEST_F(ColdFilesTest, NothingIsRememberedWhereTheCacheIsOffButLoadsAreShared) {
    policy_.is_on = false;
    write("hang", "x");
    OpenFile* first = nullptr;
    OpenFile* second = nullptr;
    ASSERT_EQ(ask("hang", &first), EINPROGRESS);
    ASSERT_EQ(ask("hang", &second), EINPROGRESS);
    EXPECT_EQ(first, second);
    Waiting waiting;
    first->waits.push_back(waiting);

    write("hang.go", "");
    turn_until_ready(waiting);

    EXPECT_EQ(cache_->size(), 0U);
    EXPECT_EQ(first->memory(), "x");
    unpin(first);
    unpin(second);
    EXPECT_EQ(cache_->memory_used(), 0U);
}

TEST_F(ColdFilesTest, AFullPoolMakesTheLoopDoItItself) {
    pool_->set_options({.threads = 1, .queue_limit = 0});
    write("a", "bytes");
    OpenFile* loading = nullptr;

    EXPECT_EQ(ask("a", &loading), 0);
    EXPECT_EQ(loading, nullptr);
}

TEST_F(ColdFilesTest, EndsWhileLoadsWait) {
    pool_->set_options({.threads = 1, .queue_limit = 8});
    write("hang", "x");
    write("b", "b");
    OpenFile* hanging = nullptr;
    OpenFile* queued = nullptr;
    ASSERT_EQ(ask("hang", &hanging), EINPROGRESS);
    ASSERT_EQ(ask("b", &queued), EINPROGRESS);
    unpin(queued);

    write("hang.go", "");
    EXPECT_TRUE(pool_->stop(Millis(10'000)));
    cache_.reset();

    unpin(hanging);
}

}  // namespace
}  // namespace sluice::modules
