// SPDX-License-Identifier: BSD-2-Clause
// Error lines as JSON objects.
#include "logger/json_line.h"

#include <gtest/gtest.h>

#include "log/rfc3339.h"

namespace sluice::logger {
namespace {

constexpr Millis kWall{1'795'000'000'123};

std::string format(std::string_view text, bool is_short = false) {
    JsonLine line;
    return std::string(line.format({.level = log::Level::Error,
                                    .wall = kWall,
                                    .pid = 42,
                                    .process = "worker",
                                    .slot = SlotId{3},
                                    .text = text},
                                   is_short));
}

std::string head() {
    return R"({"time":")" + log::rfc3339(kWall) +
           R"(","level":"error","process":"worker","pid":42,"slot":3,)";
}

TEST(JsonLine, NumbersAreNumbersAndTheRequestHasFields) {
    const std::string expected =
        head() + "\"connection\":7,\"message\":\"open() \\\"/w/x\\\" failed (2: No such file or "
                 "directory)\",\"errno\":2,\"error\":\"No such file or directory\",\"client\":"
                 "\"10.0.0.1\",\"server\":\"a\",\"request\":\"GET /x HTTP/1.1\",\"host\":\"a:80\"}";

    EXPECT_EQ(format("*7 open() \"/w/x\" failed (2: No such file or directory), client: 10.0.0.1, "
                     "server: a, request: \"GET /x HTTP/1.1\", host: \"a:80\""),
              expected);
}

TEST(JsonLine, PeersBytesComeAsTheyWereAndStayValid) {
    const std::string expected = head() + "\"message\":\"x\",\"client\":\"::1\",\"request\":\"GET "
                                          "/\\\"\\n\xC3\xA9\\ufffd\\\\ HTTP/1.1\"}";

    EXPECT_EQ(format("x, client: ::1, request: \"GET /\\x22\\x0A\\xC3\\xA9\\xFF\\x5C HTTP/1.1\""),
              expected);
}

TEST(JsonLine, LoggersOwnLinesHaveNoSlot) {
    JsonLine line;

    const std::string_view text = line.format(
        {.level = log::Level::Warn, .pid = 1, .process = "logger", .slot = {}, .text = "m"}, false);

    EXPECT_NE(text.find(R"("process":"logger","pid":1,"message":"m"})"), std::string_view::npos);
}

TEST(JsonLine, ShortObjectsAreWholeAndWithinALinesLimit) {
    const std::string wild(5000, '\x01');
    const std::string text = "*18446744073709551615 open() \"" + std::string(5000, 'm') +
                             "\" failed (36: File name too long), client: " + std::string(500, 'c') +
                             ", server: " + std::string(500, '\x80') + ", request: \"" + wild +
                             "\", subrequest: \"" + wild + "\", upstream: \"" + wild +
                             "\", host: \"" + wild + "\", referrer: \"" + wild + "\"";

    const std::string line = format(text, true);

    EXPECT_LE(line.size(), 2048U);
    EXPECT_TRUE(line.ends_with("\"}"));
    EXPECT_GT(format(text, false).size(), 20'000U) << "elsewhere nothing is cut";
}

}  // namespace
}  // namespace sluice::logger
