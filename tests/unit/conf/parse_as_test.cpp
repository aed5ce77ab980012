// SPDX-License-Identifier: BSD-2-Clause
// Times and sizes.
// Runs in: tests.
#include "conf/parse_as.h"

#include <gtest/gtest.h>

namespace sluice::conf {
namespace {

struct TimeCase {
    const char* text;
    std::int64_t millis;  ///< -1: refused
};

class Times : public testing::TestWithParam<TimeCase> {};

TEST_P(Times, AreReadAsNginxDoes) {
    const std::optional<Millis> time = parse_time(GetParam().text);

    EXPECT_EQ(time ? time->count() : -1, GetParam().millis) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(Every,
                         Times,
                         testing::Values(TimeCase{"0", 0},
                                         TimeCase{"30", 30'000},
                                         TimeCase{"30s", 30'000},
                                         TimeCase{"500ms", 500},
                                         TimeCase{"1m", 60'000},
                                         TimeCase{"1m30s", 90'000},
                                         TimeCase{"1h 30m", 5'400'000},
                                         TimeCase{"1d", 86'400'000},
                                         TimeCase{"1w", 604'800'000},
                                         TimeCase{"1M", 2'592'000'000},
                                         TimeCase{"1y", 31'536'000'000},
                                         TimeCase{"1m30", 90'000},
                                         TimeCase{"", -1},
                                         TimeCase{"s", -1},
                                         TimeCase{"-1", -1},
                                         TimeCase{"+1", -1},
                                         TimeCase{"1x", -1},
                                         TimeCase{"1s1m", -1},
                                         TimeCase{"1s1s", -1},
                                         TimeCase{"1.5s", -1},
                                         TimeCase{"9223372036854775807", -1},
                                         TimeCase{"99999999999999999999", -1},
                                         TimeCase{"9007199254740991y", -1}));

struct SizeCase {
    const char* text;
    std::int64_t bytes;  ///< -1: refused
};

class Sizes : public testing::TestWithParam<SizeCase> {};

TEST_P(Sizes, AreReadAsNginxDoes) {
    const std::optional<Bytes> size = parse_size(GetParam().text);

    EXPECT_EQ(size ? static_cast<std::int64_t>(size->count) : -1, GetParam().bytes)
        << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(Every,
                         Sizes,
                         testing::Values(SizeCase{"0", 0},
                                         SizeCase{"512", 512},
                                         SizeCase{"8k", 8192},
                                         SizeCase{"8K", 8192},
                                         SizeCase{"1m", 1 << 20},
                                         SizeCase{"2g", 2LL << 30},
                                         SizeCase{"8589934591g", (INT64_MAX >> 30) << 30},
                                         SizeCase{"8589934592g", -1},
                                         SizeCase{"9223372036854775807", INT64_MAX},
                                         SizeCase{"9223372036854775808", -1},
                                         SizeCase{"", -1},
                                         SizeCase{"k", -1},
                                         SizeCase{"-1", -1},
                                         SizeCase{"1kb", -1},
                                         SizeCase{"1 k", -1}));

}  // namespace
}  // namespace sluice::conf
