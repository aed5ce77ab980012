// SPDX-License-Identifier: BSD-2-Clause
// Range: the table of RFC 9110 §14 and nginx's answers to nonsense.
#include "modules/http/range.h"

#include <gtest/gtest.h>

namespace sluice::modules {
namespace {

using Kind = RangeAnswer::Kind;

struct Case {
    std::string_view value;
    std::uint64_t size;
    RangeAnswer answer;
};

constexpr RangeAnswer kWhole{};
constexpr RangeAnswer kBad{.kind = Kind::Unsatisfiable};

constexpr RangeAnswer part(std::uint64_t first, std::uint64_t last) {
    return {.kind = Kind::Part, .first = first, .last = last};
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
    {"bytes=", 10, kBad},
    {"bytes=a-b", 10, kBad},
    {"bytes=1-2-3", 10, kBad},
    {"bytes=+1-2", 10, kBad},
    {"bytes=0-1,3-4", 10, kWhole},
    {"lines=1-2", 10, kWhole},
    {"", 10, kWhole},
    {"bytes=0-", 0, kWhole},
    {"bytes=-5", 0, kWhole},
    {"bytes=1-", 0, kBad},
};

TEST(Range, AnswersTheTable) {
    for (const Case& one : kCases) {
        const RangeAnswer got = parse_range(one.value, one.size);

        EXPECT_EQ(got, one.answer) << one.value << " of " << one.size << " gave " << got.first
                                   << "-" << got.last;
    }
}

}  // namespace
}  // namespace sluice::modules
