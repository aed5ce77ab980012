// SPDX-License-Identifier: BSD-2-Clause
// The pid file is whole, is only removed by its owner, and steps aside for an upgrade.
#include "master/pidfile.h"

#include <fstream>

#include <gtest/gtest.h>

#include "temporary_folder.h"

namespace sluice::master {
namespace {

void put(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

TEST(PidFile, ReplacesAStaleOneAndLeavesNoTemporaryFile) {
    const TemporaryFolder folder;
    const std::string path = folder.file("x.pid");
    put(path, "99999\n");
    PidFile file(path);

    ASSERT_TRUE(file.write(4711));

    EXPECT_EQ(read_pid(path), 4711);
    EXPECT_FALSE(std::filesystem::exists(path + ".4711.tmp"));
}

TEST(PidFile, IsNotFooledByAPlantedTemporaryName) {
    const TemporaryFolder folder;
    const std::string victim = folder.file("victim");
    put(victim, "keep");
    std::filesystem::create_symlink(victim, folder.file("x.pid.7.tmp"));

    ASSERT_TRUE(PidFile(folder.file("x.pid")).write(7));

    EXPECT_EQ(std::filesystem::file_size(victim), 4U);
}

TEST(PidFile, RemovesOnlyItsOwn) {
    const TemporaryFolder folder;
    PidFile file(folder.file("x.pid"));
    ASSERT_TRUE(file.write(10));

    file.remove(11);
    EXPECT_EQ(read_pid(file.path()), 10);
    file.remove(10);
    EXPECT_EQ(read_pid(file.path()).error().code, ENOENT);
}

TEST(PidFile, StepsAsideAndComesBack) {
    const TemporaryFolder folder;
    PidFile old(folder.file("x.pid"));
    ASSERT_TRUE(old.write(10));

    ASSERT_TRUE(old.become_old());
    ASSERT_TRUE(PidFile(old.path()).write(20));
    EXPECT_EQ(read_pid(old.current_path()), 10);
    EXPECT_EQ(read_pid(old.path()), 20);

    ASSERT_TRUE(old.become_current());
    EXPECT_EQ(read_pid(old.path()), 10);
    EXPECT_FALSE(std::filesystem::exists(old.old_path()));
}

TEST(PidFile, SaysWhatIsNoPid) {
    const TemporaryFolder folder;
    for (const char* text : {"", "\n", "x", "-4", "0", "12 13", "99999999999999", "12x"}) {
        put(folder.file("p"), text);
        EXPECT_FALSE(read_pid(folder.file("p"))) << text;
    }
    put(folder.file("p"), " 12 \r\n");
    EXPECT_EQ(read_pid(folder.file("p")), 12);
}

TEST(PidFile, CheckLeavesNothingBehindAndSeesAMissingFolder) {
    const TemporaryFolder folder;
    EXPECT_TRUE(PidFile(folder.file("x.pid")).check());
    EXPECT_TRUE(std::filesystem::is_empty(folder.file("")));
    EXPECT_EQ(PidFile(folder.file("no/x.pid")).check().error().code, ENOENT);
}

}  // namespace
}  // namespace sluice::master
