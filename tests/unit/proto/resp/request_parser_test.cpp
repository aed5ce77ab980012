// SPDX-License-Identifier: BSD-2-Clause
// Requests of RESP clients: whole, in pieces, typed by hand, and wrong.
#include "proto/resp/request_parser.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/resp/integer.h"

namespace sluice::resp {
namespace {

using Words = std::vector<std::string>;

constexpr RequestLimits kLimits{.argument = 1000, .request = 5000};

/// All requests of `input` as if it came in pieces of `piece` bytes; a complaint is the last one's
/// only word.
std::vector<Words> read_all(const std::string& input, std::size_t piece = SIZE_MAX) {
    std::vector<Words> found;
    RequestParser parser(kLimits);
    Request request;
    std::size_t begin = 0;
    std::size_t end = 0;
    while (begin < input.size()) {
        end = std::max(end, begin);
        const Reading reading =
            parser.read(std::string_view(input).substr(begin, end - begin), request);
        if (reading == Reading::Broken) {
            found.push_back({std::string(parser.complaint())});
            return found;
        }
        if (reading == Reading::Request) {
            found.emplace_back(request.words.begin(), request.words.end());
            begin += parser.size();
        } else if (end == input.size()) {
            return found;
        } else {
            end += std::min(piece, input.size() - end);
        }
    }
    return found;
}

std::string complaint_of(const std::string& input) {
    const auto found = read_all(input);
    return found.empty() ? "" : found.back().front();
}

TEST(RequestParser, ReadsPipelinedRequestsHoweverTheyAreCut) {
    const std::string input =
        "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*0\r\nPING  \"a \\x41\\n\"\r\n\r\n*-1\r\n"
        "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nline\r\nbreak!\r\nECHO 'it\\'s'\n";
    const std::vector<Words> expected{{"GET", "a"}, {}, {"PING", "a A\n"}, {}, {},
                                      {"SET", "", "line\r\nbreak!"}, {"ECHO", "it's"}};

    EXPECT_EQ(read_all(input), expected);
    for (std::size_t piece = 1; piece < input.size(); ++piece) {
        EXPECT_EQ(read_all(input, piece), expected) << piece;
    }
}

TEST(RequestParser, SaysWhatIsWrongInTheWordsOfRedis) {
    EXPECT_EQ(complaint_of("*x\r\n"), "invalid multibulk length");
    EXPECT_EQ(complaint_of("*1048577\r\n"), "invalid multibulk length");
    EXPECT_EQ(complaint_of("*99999999999999999999\r\n"), "invalid multibulk length");
    EXPECT_EQ(complaint_of("*1\r\n:3\r\n"), "expected '$', got ':'");
    EXPECT_EQ(complaint_of("*1\r\n\r\n"), "expected '$', got ' '");
    EXPECT_EQ(complaint_of("*1\r\n$-1\r\n"), "invalid bulk length");
    EXPECT_EQ(complaint_of("*1\r\n$01\r\n"), "invalid bulk length");
    EXPECT_EQ(complaint_of("*1\r\n$1001\r\n"), "invalid bulk length");
    EXPECT_EQ(complaint_of("*1\r\n$9223372036854775808\r\n"), "invalid bulk length");
    EXPECT_EQ(complaint_of("GET \"a\r\n"), "unbalanced quotes in request");
    EXPECT_EQ(complaint_of("GET \"a\"b\r\n"), "unbalanced quotes in request");
}

TEST(RequestParser, ReadsNumbersOfAnyLength) {
    for (const std::size_t size : {0U, 1U, 9U, 10U, 99U, 100U, 999U, 1000U}) {
        const std::string word(size, 'x');
        const std::string input = "*1\r\n$" + std::to_string(size) + "\r\n" + word + "\r\n";
        EXPECT_EQ(read_all(input), std::vector<Words>{{word}}) << size;
        EXPECT_EQ(read_all(input, 1), std::vector<Words>{{word}}) << size;
    }
    for (const std::size_t count : {63U, 64U, 65U, 400U}) {
        std::string input = "*" + std::to_string(count) + "\r\n";
        for (std::size_t i = 0; i < count; ++i) {
            input += "$1\r\nw\r\n";
        }
        EXPECT_EQ(read_all(input), std::vector<Words>{Words(count, "w")});
        EXPECT_EQ(read_all(input, 7), std::vector<Words>{Words(count, "w")});
    }
}

TEST(RequestParser, TakesNothingElseForANumber) {
    for (const char* const number : {"", " 1", "+1", "01", "00", "1 ", "1x", "x1", "0x1", "99999999", "9999999999"}) {
        const std::string line = std::string(number) + "\r\n";
        EXPECT_EQ(complaint_of("*1\r\n$" + line + "x\r\n"), "invalid bulk length") << number;
        EXPECT_EQ(complaint_of("*" + line + "$1\r\nx\r\n"), "invalid multibulk length") << number;
    }
}

TEST(RequestParser, BoundsLinesAndRequests) {
    RequestParser lines({});
    Request request;
    const std::string long_line(kLongestLine + 1, 'x');
    EXPECT_EQ(lines.read(long_line, request), Reading::Broken);
    EXPECT_EQ(lines.complaint(), "too big inline request");

    RequestParser counts({});
    EXPECT_EQ(counts.read("*" + std::string(kLongestLine, '1'), request), Reading::Broken);
    EXPECT_EQ(counts.complaint(), "too big mbulk count string");

    RequestParser sizes({});
    EXPECT_EQ(sizes.read("*1\r\n$" + std::string(kLongestLine, '1'), request), Reading::Broken);
    EXPECT_EQ(sizes.complaint(), "too big bulk count string");

    std::string many = "*100\r\n";
    for (int i = 0; i < 6; ++i) {
        many += "$1000\r\n" + std::string(1000, 'x') + "\r\n";
    }
    RequestParser whole(kLimits);
    EXPECT_EQ(whole.read(many, request), Reading::Broken);
    EXPECT_EQ(whole.complaint(), "too big request");
}

TEST(RequestParser, TellsHowMuchIsMissing) {
    RequestParser parser(kLimits);
    Request request;

    EXPECT_EQ(parser.read("*1\r\n$100\r\nabc", request), Reading::More);

    EXPECT_EQ(parser.missing(), 99U);
}

TEST(Integer, HasOneSpelling) {
    EXPECT_EQ(parse_integer("0"), 0);
    EXPECT_EQ(parse_integer("-5"), -5);
    EXPECT_EQ(parse_integer("-9223372036854775808"), INT64_MIN);
    for (const char* const text : {"", "-", "+1", "01", "-0", " 1", "1 ", "0x1", "1.0",
                                   "9223372036854775808", "-9223372036854775809"}) {
        EXPECT_EQ(parse_integer(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace sluice::resp
