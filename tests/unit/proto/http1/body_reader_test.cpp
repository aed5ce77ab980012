// SPDX-License-Identifier: BSD-2-Clause
// Request bodies: where they end, whole and split at every byte, and what is no body.
// Runs in: tests.
#include "proto/http1/body_reader.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::http1 {
namespace {

struct Read {
    BodyReader::Outcome outcome = BodyReader::Outcome::More;
    std::size_t used = 0;
    std::uint64_t content = 0;
    friend bool operator==(const Read&, const Read&) = default;
};

Read read(const http::Request& request, std::string_view bytes, std::size_t split) {
    BodyReader reader;
    reader.begin(request);
    Read out;
    for (std::string_view part : {bytes.substr(0, split), bytes.substr(split)}) {
        while (!part.empty() && out.outcome == BodyReader::Outcome::More) {
            const BodyReader::Step step = reader.feed(part);
            out.outcome = step.outcome;
            out.used += step.used;
            part.remove_prefix(step.used);
        }
    }
    out.content = reader.content();
    if (out.outcome == BodyReader::Outcome::Malformed) {
        out = {BodyReader::Outcome::Malformed};
    }
    return out;
}

Read read_everyhow(const http::Request& request, std::string_view bytes) {
    const Read whole = read(request, bytes, 0);
    for (std::size_t at = 1; at <= bytes.size(); ++at) {
        EXPECT_EQ(read(request, bytes, at), whole) << "split at " << at << " of " << bytes;
    }
    return whole;
}

http::Request chunked() {
    http::Request request;
    request.is_chunked = true;
    return request;
}

TEST(BodyReader, CountsASizedBody) {
    http::Request request;
    request.content_length = 5;

    EXPECT_EQ(read_everyhow(request, "helloGET /"), (Read{BodyReader::Outcome::Done, 5, 5}));
    EXPECT_EQ(read_everyhow(request, "hell"), (Read{BodyReader::Outcome::More, 4, 4}));
}

TEST(BodyReader, FindsTheEndOfChunks) {
    const std::string_view body = "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n";

    const Read got = read_everyhow(chunked(), std::string(body) + "GET / HTTP/1.1\r\n");

    EXPECT_EQ(got, (Read{BodyReader::Outcome::Done, body.size(), 11}));
}

TEST(BodyReader, RefusesBadChunks) {
    for (const std::string_view bad :
         {"x\r\n", "-1\r\n", "5 \r\nhello\r\n", "0x5\r\nhello\r\n", "5\r\nhelloX\r\n0\r\n\r\n",
          "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "ffffffffffffffffff\r\n", "\r\n",
          ";a\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n", "5\rXhello\r\n0\r\n\r\n", "0\r\n\rX"}) {
        EXPECT_EQ(read_everyhow(chunked(), bad).outcome, BodyReader::Outcome::Malformed) << bad;
    }
}

TEST(BodyReader, RefusesFramingWithoutEnd) {
    BodyReader reader;
    reader.begin(chunked());
    BodyReader::Outcome outcome = reader.feed("1;").outcome;
    const std::string noise(1024, 'a');
    for (int i = 0; i < 64 && outcome == BodyReader::Outcome::More; ++i) {
        outcome = reader.feed(noise).outcome;
    }

    EXPECT_EQ(outcome, BodyReader::Outcome::Malformed);
}

}  // namespace
}  // namespace sluice::http1
