// SPDX-License-Identifier: BSD-2-Clause
// DirectoryWatches and the cache: what the kernel tells is seen in the next turn; what it cannot
// tell, after the trust; and limits only cost speed. Files and events are real.
#include "modules/http/directory_watches.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "event/loop.h"
#include "modules/http/open_file_cache.h"
#include "sys/fault.h"

namespace sluice::modules {
namespace {

namespace fs = std::filesystem;

class DirectoryWatchesTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "sluice-watch-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        policy_.has_events = true;
        policy_.valid = Millis(3'600'000);
    }
    void TearDown() override {
        sys::set_fault("no-watches", false);
        cache_.reset();
        fs::remove_all(folder_);
    }

    std::string path(std::string_view name) const { return (folder_ / name).string(); }

    void write(std::string_view name, std::string_view bytes) const {
        std::ofstream(path(name), std::ios::trunc) << bytes;
    }

    void replace(std::string_view name, std::string_view bytes) const {
        write(std::string(name) + ".new", bytes);
        fs::rename(path(std::string(name) + ".new"), path(name));
    }

    /// The file's content, or "errno N", by what the cache says after one turn of the loop.
    std::string content(std::string_view name) {
        EXPECT_TRUE(loop_->run_once(Millis(0)));
        const std::string text = path(name);
        const auto file = cache_->look_up({.text = text}, Want::Content, policy_, now_);
        if (!file) {
            return "errno " + std::to_string(file.error());
        }
        const std::string out((*file)->memory());
        unpin(*file);
        return out;
    }

    const WatchCounts& counts() const { return cache_->watches()->counts(); }

    fs::path folder_;
    FilePolicy policy_;
    Millis now_{0};
    std::unique_ptr<event::Loop> loop_ = event::Loop::create().value();
    std::unique_ptr<OpenFileCache> cache_ = std::make_unique<OpenFileCache>(loop_.get(), nullptr);
};

TEST_F(DirectoryWatchesTest, SeesAFileModifiedInPlaceInTheNextTurn) {
    write("a", "old");
    EXPECT_EQ(content("a"), "old");

    write("a", "new");

    EXPECT_EQ(content("a"), "new");
}

TEST_F(DirectoryWatchesTest, SeesAFileReplacedDeletedAndMadeAgain) {
    write("a", "1");
    EXPECT_EQ(content("a"), "1");

    replace("a", "2");
    EXPECT_EQ(content("a"), "2");
    fs::remove(path("a"));
    EXPECT_EQ(content("a"), "errno 2");
    write("a", "3");
    EXPECT_EQ(content("a"), "3");
}

TEST_F(DirectoryWatchesTest, SeesARememberedErrorEnd) {
    policy_.keeps_errors = true;
    EXPECT_EQ(content("a"), "errno 2");

    write("a", "x");

    EXPECT_EQ(content("a"), "x");
}

TEST_F(DirectoryWatchesTest, SeesALinkThatIsTheFileSwapped) {
    write("one", "1");
    write("two", "2");
    fs::create_symlink("one", path("link"));
    EXPECT_EQ(content("link"), "1");

    fs::create_symlink("two", path("next"));
    fs::rename(path("next"), path("link"));

    EXPECT_EQ(content("link"), "2");
}

TEST_F(DirectoryWatchesTest, AnAncestorSwappedIsSeenWhenTheTrustEnds) {
    policy_.valid = Millis(1'000);
    for (const char* name : {"one", "two"}) {
        fs::create_directories(path(std::string(name) + "/sub"));
        write(std::string(name) + "/sub/f", name);
    }
    fs::create_directory_symlink("one", path("current"));
    EXPECT_EQ(content("current/sub/f"), "one");

    fs::create_directory_symlink("two", path("next"));
    fs::rename(path("next"), path("current"));
    now_ = Millis(1'000);
    EXPECT_EQ(content("current/sub/f"), "two");

    write("two/sub/f", "two, changed");
    EXPECT_EQ(content("current/sub/f"), "two, changed") << "the watch has followed the link";
}

TEST_F(DirectoryWatchesTest, ADirectoryMovedAwayTakesItsFilesAlong) {
    fs::create_directory(path("d"));
    write("d/f", "old");
    EXPECT_EQ(content("d/f"), "old");

    fs::rename(path("d"), path("e"));
    EXPECT_EQ(content("d/f"), "errno 2");
    fs::create_directory(path("d"));
    write("d/f", "new");
    EXPECT_EQ(content("d/f"), "new");
    write("d/f", "newer");
    now_ += Millis(1'000);
    EXPECT_EQ(content("d/f"), "newer");
}

TEST_F(DirectoryWatchesTest, TwoNamesOfOneDirectoryShareItsWatch) {
    fs::create_directory(path("d"));
    write("d/f", "old");
    fs::create_directory_symlink("d", path("alias"));
    EXPECT_EQ(content("d/f"), "old");
    EXPECT_EQ(content("alias/f"), "old");

    write("d/f", "new");
    EXPECT_EQ(content("alias/f"), "new");
    EXPECT_EQ(content("d/f"), "new");
    write("d/f", "newer");
    EXPECT_EQ(content("alias/f"), "newer");
}

TEST_F(DirectoryWatchesTest, LostEventsMakeItForgetAll) {
    write("target", "old");
    EXPECT_EQ(content("target"), "old");
    write("x", "");
    write("y", "");

    // Alternating, or the kernel joins them; more than any queue holds by default (16,384).
    std::ofstream x(path("x"));
    std::ofstream y(path("y"));
    for (int i = 0; i < 20'000 && counts().overflows == 0; ++i) {
        x << 'x' << std::flush;
        y << 'y' << std::flush;
    }
    write("target", "new");
    while (counts().overflows == 0) {
        ASSERT_TRUE(loop_->run_once(Millis(10'000)));
    }

    EXPECT_EQ(content("target"), "new");
}

TEST_F(DirectoryWatchesTest, TheLimitOfWatchesIsCountedAndHarmless) {
    sys::set_fault("no-watches", true);
    policy_.valid = Millis(1'000);
    write("a", "old");
    EXPECT_EQ(content("a"), "old");
    EXPECT_EQ(counts().refused, 1U);

    write("a", "newer");
    EXPECT_EQ(content("a"), "old") << "trusted";
    now_ = Millis(1'000);
    EXPECT_EQ(content("a"), "newer");
    EXPECT_EQ(cache_->watches()->size(), 0U);
}

TEST_F(DirectoryWatchesTest, ADirectoryThatChangesAllTheTimeIsNoLongerListenedTo) {
    write("a", "a");
    EXPECT_EQ(content("a"), "a");
    for (int i = 0; i < 1'500; ++i) {
        write("log" + std::to_string(i % 2), "line");
    }

    while (counts().muted == 0) {
        ASSERT_TRUE(loop_->run_once(Millis(10'000)));
    }

    EXPECT_EQ(content("a"), "a");
    EXPECT_EQ(counts().overflows, 0U);
}

TEST_F(DirectoryWatchesTest, WatchesGoWithTheirFiles) {
    fs::create_directory(path("d"));
    write("d/f", "x");
    write("a", "x");
    EXPECT_EQ(content("d/f"), "x");
    EXPECT_EQ(content("a"), "x");
    EXPECT_EQ(cache_->watches()->size(), 2U);

    cache_->clear();

    EXPECT_EQ(cache_->watches()->size(), 0U);
}

}  // namespace
}  // namespace sluice::modules
