// SPDX-License-Identifier: BSD-2-Clause
// Conditional requests.
// Runs in: tests.
#include "proto/http/conditionals.h"

#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

class Conditionals : public ::testing::Test {
  protected:
    // A GET with these fields.
    Condition judge(std::vector<Header> fields, ModifiedRule rule = ModifiedRule::Exact) {
        Request request;
        for (Header& header : fields) {
            request.known[static_cast<std::size_t>(header.field)] = &header;
        }
        request.method = method;
        return judge_conditions(request, validators, rule);
    }

    Method method = Method::Get;
    Validators validators{"\"abc\"", UnixSeconds(784111777)};
};

constexpr std::string_view kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view kLater = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr std::string_view kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";

TEST_F(Conditionals, IfNoneMatchComparesWeakly) {
    EXPECT_EQ(judge({{"", "\"abc\"", Field::IfNoneMatch}}), Condition::NotModified);
    EXPECT_EQ(judge({{"", "\"x\", W/\"abc\"", Field::IfNoneMatch}}), Condition::NotModified);
    EXPECT_EQ(judge({{"", "*", Field::IfNoneMatch}}), Condition::NotModified);
    EXPECT_EQ(judge({{"", "\"a,bc\", \"x\"", Field::IfNoneMatch}}), Condition::Proceed);
    method = Method::Put;
    EXPECT_EQ(judge({{"", "*", Field::IfNoneMatch}}), Condition::Failed);
}

TEST_F(Conditionals, IfNoneMatchOverrulesIfModifiedSince) {
    EXPECT_EQ(judge({{"", "\"x\"", Field::IfNoneMatch}, {"", kSame, Field::IfModifiedSince}}),
              Condition::Proceed);
}

TEST_F(Conditionals, IfModifiedSinceFollowsTheRule) {
    EXPECT_EQ(judge({{"", kSame, Field::IfModifiedSince}}), Condition::NotModified);
    EXPECT_EQ(judge({{"", kLater, Field::IfModifiedSince}}), Condition::Proceed);
    EXPECT_EQ(judge({{"", kLater, Field::IfModifiedSince}}, ModifiedRule::Before),
              Condition::NotModified);
    EXPECT_EQ(judge({{"", kEarlier, Field::IfModifiedSince}}, ModifiedRule::Before),
              Condition::Proceed);
    EXPECT_EQ(judge({{"", kSame, Field::IfModifiedSince}}, ModifiedRule::Off), Condition::Proceed);
    EXPECT_EQ(judge({{"", "nonsense", Field::IfModifiedSince}}), Condition::Proceed);
}

TEST_F(Conditionals, IfMatchComparesStrongly) {
    EXPECT_EQ(judge({{"", "\"abc\"", Field::IfMatch}}), Condition::Proceed);
    EXPECT_EQ(judge({{"", "W/\"abc\"", Field::IfMatch}}), Condition::Failed);
    EXPECT_EQ(judge({{"", "\"x\"", Field::IfMatch}}), Condition::Failed);
}

TEST_F(Conditionals, IfUnmodifiedSinceFailsForALaterChange) {
    EXPECT_EQ(judge({{"", kEarlier, Field::IfUnmodifiedSince}}), Condition::Failed);
    EXPECT_EQ(judge({{"", kSame, Field::IfUnmodifiedSince}}), Condition::Proceed);
}

TEST_F(Conditionals, IfRangeNeedsAStrongMatch) {
    const auto holds = [this](std::string_view value) {
        Header header{"", value, Field::IfRange};
        Request request;
        request.known[static_cast<std::size_t>(Field::IfRange)] = &header;
        return if_range_holds(request, validators);
    };

    EXPECT_TRUE(holds("\"abc\""));
    EXPECT_FALSE(holds("W/\"abc\""));
    EXPECT_TRUE(holds(kSame));
    EXPECT_FALSE(holds(kLater));
}

}  // namespace
}  // namespace sluice::http
