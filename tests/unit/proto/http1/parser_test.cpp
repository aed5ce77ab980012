// SPDX-License-Identifier: BSD-2-Clause
// Request heads: what is accepted, what is refused with which status; whole, and split at every
// byte.
// Runs in: tests.
#include "proto/http1/parser.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace sluice::http1 {
namespace {

struct Parsed {
    int status = 0;  ///< 0: accepted, -1: incomplete
    std::string method, uri, args, host;
    std::string fields;  ///< "name=value;"
    bool keeps_alive = false;
    bool is_chunked = false;
    std::int64_t length = -1;
    std::size_t size = 0;

    friend bool operator==(const Parsed&, const Parsed&) = default;
};

Parsed judge(std::string_view bytes,
             const HeadScan& scan,
             HeadScan::Outcome outcome,
             const HeadLimits& limits) {
    Parsed out;
    if (outcome == HeadScan::Outcome::More) {
        out.status = -1;
        return out;
    }
    if (outcome == HeadScan::Outcome::Fault) {
        out.status = status_of(scan.fault());
        return out;
    }
    Arena arena;
    http::Request request;
    HeadFault fault = parse_head(bytes, scan, limits, arena, request);
    if (fault == HeadFault::None) {
        fault = fill_target(request, true, arena);
    }
    if (fault != HeadFault::None) {
        out.status = status_of(fault);
        return out;
    }
    out.method = request.method_text;
    out.uri = request.uri;
    out.args = request.args;
    out.host = request.host;
    for (const http::Header& header : request.headers) {
        out.fields += std::string(header.name) + "=" + std::string(header.value) + ";";
    }
    out.keeps_alive = request.keeps_alive;
    out.is_chunked = request.is_chunked;
    out.length = request.content_length;
    out.size = scan.size();
    return out;
}

// Feeds `bytes` at once, or in two parts; the page is copied for the second, as a grown page is.
Parsed parse(std::string_view bytes,
             std::optional<std::size_t> split = {},
             const HeadLimits& limits = {}) {
    HeadScan scan;
    if (split) {
        const std::string first(bytes.substr(0, *split));
        const HeadScan::Outcome outcome = scan.feed(first, limits);
        if (outcome != HeadScan::Outcome::More) {
            return judge(bytes, scan, outcome, limits);
        }
    }
    const std::string page(bytes);
    const HeadScan::Outcome outcome = scan.feed(page, limits);
    return judge(page, scan, outcome, limits);
}

// The result for the whole, after checking that every split gives the same.
Parsed parse_everyhow(std::string_view bytes, const HeadLimits& limits = {}) {
    const Parsed whole = parse(bytes, {}, limits);
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
        EXPECT_EQ(parse(bytes, at, limits), whole) << "split at " << at << " of " << bytes;
    }
    return whole;
}

TEST(Parser, TakesAnOrdinaryRequestApart) {
    const std::string bytes =
        "GET /a%20b?x=1 HTTP/1.1\r\nHost: Example.com:80\r\nUser-Agent:curl  "
        "\r\nAccept:\t*/*\r\n\r\nrest";

    const Parsed got = parse_everyhow(bytes);

    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.method, "GET");
    EXPECT_EQ(got.uri, "/a b");
    EXPECT_EQ(got.args, "x=1");
    EXPECT_EQ(got.host, "example.com");
    EXPECT_EQ(got.fields, "Host=Example.com:80;User-Agent=curl;Accept=*/*;");
    EXPECT_TRUE(got.keeps_alive);
    EXPECT_EQ(got.size, bytes.size() - 4);
}

struct Case {
    std::string_view bytes;
    int status;
};

constexpr std::string_view kHost = "Host: h\r\n";

TEST(Parser, AnswersEachHeadWithItsStatus) {
    using namespace std::string_view_literals;
    const Case cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
        {"GET / HTTP/1.0\r\n\r\n", 0},
        {"GET /\r\n", 0},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
        {"GET / HTTP/1.0\nHost: h\n\n", 400},
        {"PURGE / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
        {"m-search / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
        {"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 0},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 0},
        {"GET http://x/y HTTP/1.1\r\nHost: h\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: h\r\nX:\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: \xc3\xa4\r\n\r\n", 0},

        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET http://x/y HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX Y: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\n: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\x01z\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"sv, 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: \x7f\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX\0: b\r\n\r\n"sv, 400},
        {"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
        {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", 400},
        {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /.. HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/1\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/0.9\r\nHost: h\r\n\r\n", 400},
        {"GET / http/1.1\r\nHost: h\r\n\r\n", 400},
        {"POST /\r\n", 400},
        {"GET\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775808\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         400},
        {"\x16\x03\x01", 400},

        {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 405},
        {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        {"GET / HTTP/9.9\r\nHost: h\r\n\r\n", 505},

        {"GET / HTTP/1.1\r\nHost: h\r\n", -1},
        {"", -1},
        {"\r", -1},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(parse_everyhow(c.bytes).status, c.status) << c.bytes;
    }
}

TEST(Parser, DropsFieldsWithOddNamesUnlessTold) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\nX_Y: 1\r\nX.Z: 2\r\nOk: 3\r\n\r\n";
    HeadLimits all;
    all.ignores_invalid = false;
    HeadLimits underscores;
    underscores.allows_underscores = true;

    EXPECT_EQ(parse_everyhow(bytes).fields, "Host=h;Ok=3;");
    EXPECT_EQ(parse_everyhow(bytes, all).fields, "Host=h;X_Y=1;X.Z=2;Ok=3;");
    EXPECT_EQ(parse_everyhow(bytes, underscores).fields, "Host=h;X_Y=1;Ok=3;");
}

TEST(Parser, KeepsALineOfExactlyTheBufferSize) {
    HeadLimits limits;
    limits.line = 64;
    const auto line_of = [](std::size_t size) {
        const std::string rest = " HTTP/1.1\r\n";
        return "GET /" + std::string(size - 5 - rest.size(), 'a') + rest + std::string(kHost) +
               "\r\n";
    };

    EXPECT_EQ(parse_everyhow(line_of(64), limits).status, 0);
    EXPECT_EQ(parse_everyhow(line_of(65), limits).status, 414);
    EXPECT_EQ(parse(std::string(64, 'a'), {}, limits).status, 414);
    EXPECT_EQ(parse_everyhow(" " + std::string(80, 'a') + "\n", limits).status, 400);
    EXPECT_EQ(parse_everyhow("\r" + std::string(80, 'a') + "\n", limits).status, 400);
}

TEST(Parser, RefusesTooLongAndTooManyFields) {
    HeadLimits limits;
    limits.line = 64;
    limits.total = 200;
    limits.headers = 3;
    const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";

    EXPECT_EQ(parse_everyhow(start + "X: " + std::string(80, 'a') + "\r\n\r\n", limits).status,
              400);
    EXPECT_EQ(parse_everyhow(start + "A: 1\r\nB: 1\r\n\r\n", limits).status, 0);
    EXPECT_EQ(parse_everyhow(start + "A: 1\r\nB: 1\r\nC: 1\r\n\r\n", limits).status, 400);
}

TEST(Parser, ReadsConnectionAsAList) {
    const auto keeps = [](std::string_view version, std::string_view field) {
        return parse("GET / HTTP/" + std::string(version) + "\r\nHost: h\r\n" + std::string(field) +
                     "\r\n")
            .keeps_alive;
    };

    EXPECT_TRUE(keeps("1.1", ""));
    EXPECT_FALSE(keeps("1.0", ""));
    EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_FALSE(keeps("1.1", "Connection: x, close\r\n"));
    EXPECT_FALSE(keeps("1.1", "Connection: x\r\nConnection: CLOSE\r\n"));
    EXPECT_TRUE(keeps("1.1", "Connection: closed\r\n"));
}

}  // namespace
}  // namespace sluice::http1
