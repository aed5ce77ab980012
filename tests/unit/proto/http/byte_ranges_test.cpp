// SPDX-License-Identifier: BSD-2-Clause
// Range: the table of RFC 9110 §14 and nginx's answers to nonsense.
#include "proto/http/byte_ranges.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using Kind = RangeAnswer::Kind;

struct Case {
    std::string_view value;
    std::uint64_t size;
    RangeAnswer answer;
};

constexpr RangeAnswer kWhole{};
constexpr RangeAnswer kBad{.kind = Kind::Unsatisfiable, .first = {}, .count = 0};

constexpr RangeAnswer part(std::uint64_t first, std::uint64_t last) {
    return {.kind = Kind::One, .first = {first, last + 1}, .count = 1};
}

constexpr RangeAnswer several(std::size_t count, std::uint64_t first, std::uint64_t last) {
    return {.kind = Kind::Several, .first = {first, last + 1}, .count = count};
}

constexpr Case kCases[] = {
    {"bytes=0-0", 10, part(0, 0)},
    {"bytes=2-5", 10, part(2, 5)},
    {"bytes=9-", 10, part(9, 9)},
    {"bytes=0-", 10, part(0, 9)},
    {"bytes=5-100", 10, part(5, 9)},
    {"bytes=-3", 10, part(7, 9)},
    {"bytes=-100", 10, part(0, 9)},
    {"BYTES=1-2", 10, part(1, 2)},
    {"bytes= 1 - 2 ", 10, part(1, 2)},
    {"bytes=0-99999999999999999999999", 10, part(0, 9)},
    {"bytes=3000000000-3000000001", 4'000'000'000, part(3'000'000'000, 3'000'000'001)},
    {"bytes=10-", 10, kBad},
    {"bytes=99999999999999999999999-", 10, kBad},
    {"bytes=5-4", 10, kBad},
    {"bytes=-0", 10, kBad},
    {"bytes=-", 10, kBad},
    {"bytes=", 10, kWhole},
    {"bytes=a-b", 10, kBad},
    {"bytes=1-2-3", 10, kBad},
    {"bytes=+1-2", 10, kBad},
    {"bytes=0-1,3-4", 10, several(2, 0, 1)},
    {"bytes=0-0,-1", 10, several(2, 0, 0)},
    {"bytes= 0 - 0 ,\t-1 , 4-5", 10, several(3, 0, 0)},
    {"bytes=0-1,20-30,3-4", 10, several(2, 0, 1)},
    {"bytes=20-30,3-4", 10, part(3, 4)},
    {"bytes=5-4,3-4", 10, part(3, 4)},
    {"bytes=0-4,5-9", 10, several(2, 0, 4)},
    {"bytes=0-4,4-9", 10, kWhole},
    {"bytes=0-9,0-0", 10, kWhole},
    {"bytes=0-,-1", 10, kWhole},
    {"bytes=0-0,1-1,2-2", 10, several(3, 0, 0)},
    {"bytes=0-0,1-1,2-2,3-3", 10, kWhole},
    {"bytes=0-0,1-1,2-2,x", 10, kBad},
    {"bytes=0-0,", 10, kBad},
    {"bytes=0-0,,1-1", 10, kBad},
    {"bytes=0-0 1-1", 10, kBad},
    {"bytes=0-0;1-1", 10, kBad},
    {"bytes=,0-0", 10, kBad},
    {"bytes=18446744073709551615-18446744073709551615", 10, kBad},
    {"bytes=0-18446744073709551615", 10, part(0, 9)},
    {"bytes=-18446744073709551616", 10, part(0, 9)},
    {"lines=1-2", 10, kWhole},
    {"", 10, kWhole},
    {"bytes=0-", 0, kWhole},
    {"bytes=-5", 0, kWhole},
    {"bytes=1-", 0, kBad},
};

TEST(ByteRanges, AnswersTheTable) {
    for (const Case& one : kCases) {
        const RangeAnswer got = judge_ranges(one.value, one.size, 3);

        EXPECT_EQ(got, one.answer) << one.value << " of " << one.size << " gave kind "
                                   << static_cast<int>(got.kind) << ", " << got.count << " ranges, "
                                   << got.first.first << "-" << got.first.end;
    }
}

TEST(ByteRanges, AreReadInTheOrderOfTheText) {
    RangeReader reader("bytes=7-7, 100-, -2,0-1", 10);
    std::vector<ByteRange> read;

    while (const std::optional<ByteRange> range = reader.next()) {
        read.push_back(*range);
    }

    EXPECT_EQ(read, (std::vector<ByteRange>{{7, 8}, {8, 10}, {0, 2}}));
    EXPECT_EQ(reader.state(), RangeReader::State::Done);
}

}  // namespace
}  // namespace sluice::http
