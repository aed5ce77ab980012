// SPDX-License-Identifier: BSD-2-Clause
// OpenFileCache: trust, refresh, eviction, pins. Time is injected; files are real.
#include "modules/http/open_file_cache.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace sluice::modules {
namespace {

namespace fs = std::filesystem;

class OpenFileCacheTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "sluice-files-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string path(std::string_view name) const { return (folder_ / name).string(); }

    void write(std::string_view name, std::string_view bytes) const {
        std::ofstream(path(name), std::ios::trunc) << bytes;
    }

    /// The same file name with other content and another time, whatever the clock's grain.
    void replace(std::string_view name, std::string_view bytes) const {
        write(std::string(name) + ".new", bytes);
        fs::rename(path(std::string(name) + ".new"), path(name));
    }

    std::expected<OpenFile*, int> get(std::string_view name, Millis now, Want want = Want::Content) {
        const std::string text = path(name);
        return cache_.look_up({.text = text, .root_size = folder_.string().size()}, want, policy_, now);
    }

    std::string content(std::string_view name, Millis now) {
        const auto file = get(name, now);
        if (!file) {
            return "errno " + std::to_string(file.error());
        }
        const std::string out((*file)->memory());
        unpin(*file);
        return out;
    }

    fs::path folder_;
    FilePolicy policy_;
    OpenFileCache cache_;
};

TEST_F(OpenFileCacheTest, TrustsAnEntryUntilItsTimeIsOver) {
    write("a", "old");

    EXPECT_EQ(content("a", Millis(0)), "old");
    replace("a", "newer");
    EXPECT_EQ(content("a", Millis(999)), "old");
    EXPECT_EQ(content("a", Millis(1000)), "newer");
}

TEST_F(OpenFileCacheTest, TrustDoesNotGrowWithUse) {
    write("a", "old");
    for (int now = 0; now < 1000; now += 100) {
        EXPECT_EQ(content("a", Millis(now)), "old");
        replace("a", "newer");
    }

    EXPECT_EQ(content("a", Millis(1000)), "newer");
}

TEST_F(OpenFileCacheTest, SeesASymbolicLinkOnTheWaySwapped) {
    fs::create_directory(path("one"));
    fs::create_directory(path("two"));
    write("one/f", "1");
    write("two/f", "2");
    fs::create_directory_symlink("one", path("current"));

    EXPECT_EQ(content("current/f", Millis(0)), "1");
    fs::create_directory_symlink("two", path("next"));
    fs::rename(path("next"), path("current"));
    EXPECT_EQ(content("current/f", Millis(1000)), "2");
}

TEST_F(OpenFileCacheTest, SeesDeletionAndDoesNotRememberIt) {
    write("a", "x");
    EXPECT_EQ(content("a", Millis(0)), "x");

    fs::remove(path("a"));
    EXPECT_EQ(content("a", Millis(1000)), "errno 2");
    EXPECT_EQ(cache_.size(), 0U);
    write("a", "again");
    EXPECT_EQ(content("a", Millis(1000)), "again");
}

TEST_F(OpenFileCacheTest, RemembersErrorsOnlyWhenAsked) {
    policy_.keeps_errors = true;

    EXPECT_EQ(content("a", Millis(0)), "errno 2");
    write("a", "x");
    EXPECT_EQ(content("a", Millis(10)), "errno 2");
    EXPECT_EQ(content("a", Millis(1000)), "x");
}

TEST_F(OpenFileCacheTest, EvictsTheLongestUnused) {
    policy_.max = 2;
    policy_.memory = 0;
    policy_.valid = Millis(60'000);
    write("a", "a");
    write("b", "b");
    write("c", "c");
    EXPECT_EQ(content("a", Millis(0)), "a");
    EXPECT_EQ(content("b", Millis(300)), "b");
    EXPECT_EQ(content("a", Millis(600)), "a");

    EXPECT_EQ(content("c", Millis(900)), "c");

    EXPECT_EQ(cache_.size(), 2U);
    replace("a", "A");
    replace("b", "B");
    EXPECT_EQ(content("a", Millis(1000)), "a") << "a stayed";
    EXPECT_EQ(content("b", Millis(1000)), "B") << "b was evicted";
}

TEST_F(OpenFileCacheTest, FilesInMemoryDoNotCountAgainstMax) {
    policy_.max = 2;
    for (int i = 0; i < 5; ++i) {
        write("small" + std::to_string(i), "s");
        write("large" + std::to_string(i), std::string(OpenFile::kMemoryLimit + 1, 'l'));
        EXPECT_EQ(content("small" + std::to_string(i), Millis(0)), "s");
        unpin(*get("large" + std::to_string(i), Millis(0)));
    }

    EXPECT_EQ(cache_.size(), 7U) << "five small ones and two descriptors";
}

TEST_F(OpenFileCacheTest, StaysWithinItsMemory) {
    write("f", std::string(OpenFile::kMemoryLimit, 's'));
    const std::size_t count = kMemoryBudget / OpenFile::kMemoryLimit + 10;
    for (std::size_t i = 0; i < count; ++i) {
        fs::create_hard_link(path("f"), path("f" + std::to_string(i)));
        unpin(*get("f" + std::to_string(i), Millis(0)));
    }

    EXPECT_LE(cache_.memory_used(), kMemoryBudget);
    EXPECT_GT(cache_.memory_used(), kMemoryBudget * 9 / 10);
    EXPECT_LT(cache_.size(), count);
}

TEST_F(OpenFileCacheTest, KeepsPinnedBytesThroughEvictionAndReplacement) {
    policy_.max = 1;
    policy_.memory = 0;
    write("a", "bytes in flight");
    write("b", "b");
    OpenFile* const pinned = *get("a", Millis(0));

    EXPECT_EQ(content("b", Millis(1)), "b");
    replace("a", "other");
    EXPECT_EQ(content("a", Millis(1000)), "other");
    cache_.clear();

    EXPECT_EQ(pinned->memory(), "bytes in flight");
    unpin(pinned);
    EXPECT_EQ(cache_.memory_used(), 0U);
}

TEST_F(OpenFileCacheTest, KeepsAPinnedFileBeyondTheCache) {
    write("a", "bytes");
    auto cache = std::make_unique<OpenFileCache>();
    const std::string text = path("a");
    OpenFile* const pinned = *cache->look_up({.text = text}, Want::Content, policy_, Millis(0));

    cache.reset();

    EXPECT_EQ(pinned->memory(), "bytes");
    unpin(pinned);
}

TEST_F(OpenFileCacheTest, KeepsSmallFilesInMemoryAndLargeOnesOpen) {
    write("small", std::string(OpenFile::kMemoryLimit, 's'));
    write("large", std::string(OpenFile::kMemoryLimit + 1, 'l'));
    write("empty", "");

    OpenFile* const small = *get("small", Millis(0));
    OpenFile* const large = *get("large", Millis(0));
    OpenFile* const empty = *get("empty", Millis(0));

    EXPECT_TRUE(small->is_in_memory());
    EXPECT_EQ(small->memory().size(), OpenFile::kMemoryLimit);
    EXPECT_FALSE(large->is_in_memory());
    EXPECT_TRUE(large->fd.is_open());
    EXPECT_TRUE(empty->is_in_memory());
    EXPECT_NE(empty->memory().data(), nullptr);
    EXPECT_EQ(cache_.memory_used(), OpenFile::kMemoryLimit);
    unpin(small);
    unpin(large);
    unpin(empty);
}

TEST_F(OpenFileCacheTest, FactsAloneOpenNothingUntilContentIsWanted) {
    write("a", "x");
    OpenFile* const facts = *get("a", Millis(0), Want::Facts);
    EXPECT_FALSE(facts->has_content);
    unpin(facts);

    EXPECT_EQ(content("a", Millis(1)), "x");
    EXPECT_EQ(cache_.size(), 1U);
}

TEST_F(OpenFileCacheTest, OffRemembersNothing) {
    policy_.is_on = false;
    write("a", "1");
    OpenFile* const first = *get("a", Millis(0));
    replace("a", "2");

    EXPECT_EQ(content("a", Millis(0)), "2");
    EXPECT_EQ(first->memory(), "1");
    EXPECT_EQ(cache_.size(), 0U);
    unpin(first);
    EXPECT_EQ(cache_.memory_used(), 0U);
}

TEST_F(OpenFileCacheTest, DropsContentBelowMinUses) {
    policy_.min_uses = 2;
    write("a", "x");

    EXPECT_EQ(content("a", Millis(0)), "x");
    EXPECT_EQ(cache_.memory_used(), 0U);
    EXPECT_EQ(content("a", Millis(1)), "x");
    EXPECT_EQ(cache_.memory_used(), 1U);
}

TEST_F(OpenFileCacheTest, ExpiresWhatNobodyAsksFor) {
    policy_.inactive = Millis(500);
    write("a", "a");
    write("b", "b");
    EXPECT_EQ(content("a", Millis(0)), "a");
    EXPECT_EQ(content("b", Millis(400)), "b");

    cache_.expire(Millis(750));
    EXPECT_EQ(cache_.size(), 1U);
    cache_.expire(Millis(1150));
    EXPECT_EQ(cache_.size(), 0U);
}

TEST_F(OpenFileCacheTest, SurvivesManyEntries) {
    for (int i = 0; i < 500; ++i) {
        write("f" + std::to_string(i), std::to_string(i));
    }
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 500; ++i) {
            EXPECT_EQ(content("f" + std::to_string(i), Millis(round)), std::to_string(i));
        }
    }
    EXPECT_EQ(cache_.size(), 500U);
}

TEST_F(OpenFileCacheTest, ConfinesSymbolicLinksWhenTold) {
    write("outside", "secret");
    fs::create_directory(path("root"));
    write("root/real", "r");
    fs::create_symlink("real", path("root/inner"));
    fs::create_symlink("../outside", path("root/outer"));
    const auto error_of = [this](std::string_view name, Links links) {
        policy_.links = links;
        const std::string text = path(name);
        const auto file = cache_.look_up({.text = text, .root_size = path("root").size()},
                                         Want::Content, policy_, Millis(0));
        if (file) {
            unpin(*file);
        }
        return file ? 0 : file.error();
    };

    EXPECT_EQ(error_of("root/outer", Links::Follow), 0);
    EXPECT_EQ(error_of("root/outer", Links::Beneath), EXDEV);
    EXPECT_EQ(error_of("root/inner", Links::Beneath), 0);
    EXPECT_EQ(error_of("root/inner", Links::Refuse), ELOOP);
    EXPECT_EQ(error_of("root/real", Links::Refuse), 0);
}

}  // namespace
}  // namespace sluice::modules
