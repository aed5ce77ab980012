// SPDX-License-Identifier: BSD-2-Clause
// How many CPUs a cgroup leaves, from the texts that the kernel gives.
#include "master/cpus.h"

#include <gtest/gtest.h>

namespace sluice::master {
namespace {

TEST(Cpus, ReadsTheQuotaOfVersionTwo) {
    EXPECT_EQ(parse_cpu_max("max 100000\n"), std::nullopt);
    EXPECT_EQ(parse_cpu_max("150000 100000\n"), 1.5);
    EXPECT_EQ(parse_cpu_max("50000 100000"), 0.5);
    EXPECT_EQ(parse_cpu_max(""), std::nullopt);
    EXPECT_EQ(parse_cpu_max("garbage"), std::nullopt);
    EXPECT_EQ(parse_cpu_max("100000 0\n"), std::nullopt);
}

TEST(Cpus, ReadsTheQuotaOfVersionOne) {
    EXPECT_EQ(parse_cfs("-1\n", "100000\n"), std::nullopt);
    EXPECT_EQ(parse_cfs("200000\n", "100000\n"), 2.0);
    EXPECT_EQ(parse_cfs("", ""), std::nullopt);
}

TEST(Cpus, FindsTheGroupsOfBothVersions) {
    const CgroupPaths v2 = parse_cgroup_file("0::/user.slice/a:b.scope\n");
    EXPECT_EQ(v2.unified, "/user.slice/a:b.scope");
    EXPECT_EQ(v2.cpu, std::nullopt);

    const CgroupPaths v1 = parse_cgroup_file(
        "12:cpuset:/x\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/y\nbroken\n0::/z");
    EXPECT_EQ(v1.cpu, "/docker/abc");
    EXPECT_EQ(v1.unified, "/z");
}

TEST(Cpus, WalksUpToTheMountPoint) {
    EXPECT_EQ(ancestors("/a/b"), (std::vector<std::string>{"/a/b", "/a", ""}));
    EXPECT_EQ(ancestors("/"), (std::vector<std::string>{""}));
    EXPECT_EQ(ancestors(""), (std::vector<std::string>{""}));
}

TEST(Cpus, RoundsTheQuotaUpWithinTheAllowedOnes) {
    EXPECT_EQ(count_for({.allowed = {0, 1, 2, 3}, .quota = std::nullopt}), 4U);
    EXPECT_EQ(count_for({.allowed = {0, 1, 2, 3}, .quota = 1.5}), 2U);
    EXPECT_EQ(count_for({.allowed = {0, 1, 2, 3}, .quota = 0.1}), 1U);
    EXPECT_EQ(count_for({.allowed = {2}, .quota = 8.0}), 1U);
    EXPECT_EQ(count_for({.allowed = {}, .quota = std::nullopt}), 1U);
}

}  // namespace
}  // namespace sluice::master
