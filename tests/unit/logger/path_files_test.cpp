// SPDX-License-Identifier: BSD-2-Clause
// PathFiles: lines go to the file that each names, descriptors are kept as told.
#include "logger/path_files.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdlib.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "sys/process.h"

namespace sluice::logger {
namespace {

class PathFilesTest : public testing::Test {
  protected:
    PathFilesTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sluiceXXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }

    ~PathFilesTest() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

    [[nodiscard]] std::string content(const std::string& name) const {
        std::ostringstream out;
        out << std::ifstream(path(name)).rdbuf();
        return out.str();
    }

    void write(PathFiles& files, const std::string& name, std::string_view line) {
        files.take(path(name), "", line);
        files.flush(now_);
    }

    std::string folder_;
    Millis now_{100'000};
};

TEST_F(PathFilesTest, WritesEachLineToItsFile) {
    PathFiles files({});
    files.take(path("a"), "", "one");
    files.take(path("b"), "", "two");
    files.take(path("a"), "", "three");
    EXPECT_EQ(files.staged(), 14U);

    files.flush(now_);

    EXPECT_EQ(content("a"), "one\nthree\n");
    EXPECT_EQ(content("b"), "two\n");
    EXPECT_EQ(files.staged(), 0U);
    EXPECT_EQ(files.open_files(), 0U) << "nothing is kept without a cache";
    EXPECT_FALSE(files.take_report());
}

TEST_F(PathFilesTest, CacheKeepsTheLatestUsedAfterMinUses) {
    PathFiles files({.max = 2, .min_uses = 2});
    write(files, "a", "1");
    EXPECT_EQ(files.open_files(), 0U);
    write(files, "a", "2");
    EXPECT_EQ(files.open_files(), 1U);
    write(files, "b", "1");
    write(files, "b", "2");
    write(files, "c", "1");
    write(files, "c", "2");
    EXPECT_EQ(files.open_files(), 2U);

    std::filesystem::rename(path("a"), path("a.moved"));
    std::filesystem::rename(path("c"), path("c.moved"));
    write(files, "a", "3");
    write(files, "c", "3");

    EXPECT_EQ(content("a"), "3\n") << "it was the one to go";
    EXPECT_EQ(content("c.moved"), "1\n2\n3\n");
}

TEST_F(PathFilesTest, NamesThatLeadNowherePushNothingOut) {
    PathFiles files({.max = 2});
    write(files, "a", "1");
    write(files, "b", "1");
    for (const char* const name : {"no/1", "no/2", "no/3"}) {
        write(files, name, "lost");
    }

    EXPECT_EQ(files.open_files(), 2U);
}

TEST_F(PathFilesTest, ClosesWhatIsInactiveAndChecksWhatIsOld) {
    PathFiles files({.max = 10, .inactive = Millis(5'000), .valid = Millis(2'000)});
    write(files, "a", "1");
    std::filesystem::rename(path("a"), path("moved"));
    now_ += Millis(1'999);
    write(files, "a", "2");
    now_ += Millis(1);
    write(files, "a", "3");
    EXPECT_EQ(content("moved"), "1\n2\n");
    EXPECT_EQ(content("a"), "3\n");

    now_ += Millis(5'000);
    files.flush(now_);
    EXPECT_EQ(files.open_files(), 0U);
}

TEST_F(PathFilesTest, ReopenLetsGoOfRenamedFiles) {
    PathFiles files({.max = 10});
    write(files, "a", "1");
    std::filesystem::rename(path("a"), path("a.1"));

    files.reopen();
    write(files, "a", "2");

    EXPECT_EQ(content("a.1"), "1\n");
    EXPECT_EQ(content("a"), "2\n");
}

TEST_F(PathFilesTest, FailuresAreToldOncePerPeriodWithTheirNumber) {
    PathFiles files({});
    write(files, "no/such", "1");
    const auto first = files.take_report();
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, "open() \"" + path("no/such") +
                          "\" failed (2: No such file or directory) while logging request");
    write(files, "no/such", "2");
    write(files, "no/other", "3");
    EXPECT_FALSE(files.take_report());
    EXPECT_EQ(files.dropped(), 3U);

    now_ += Millis(10'000);
    write(files, "no/such", "4");

    const auto second = files.take_report();
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->ends_with(", and 2 more such failures before")) << *second;
}

TEST_F(PathFilesTest, CountsOnlyTheLinesThatAFullDiskRefused) {
    static_cast<void>(sys::block_all_signals());
    PathFiles files({});
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlimit small = limit;
    small.rlim_cur = 8;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    for (const char* const line : {"first", "second", "third"}) {
        files.take(path("a"), "", line);
    }
    files.flush(now_);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);

    EXPECT_EQ(content("a"), "first\nse");
    EXPECT_EQ(files.dropped(), 2U);
}

TEST_F(PathFilesTest, WritesNothingWithoutTheRoot) {
    PathFiles files({.max = 5});
    files.take(path("a"), path("root"), "lost");
    files.flush(now_);
    EXPECT_FALSE(std::filesystem::exists(path("a")));
    EXPECT_EQ(files.take_report(), "testing \"" + path("root") +
                                       "\" existence failed (2: No such file or directory) while "
                                       "logging request");

    std::filesystem::create_directory(path("root"));
    files.take(path("a"), path("root"), "kept");
    files.flush(now_);

    EXPECT_EQ(content("a"), "kept\n");
}

}  // namespace
}  // namespace sluice::logger
