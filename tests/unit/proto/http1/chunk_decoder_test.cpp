// SPDX-License-Identifier: BSD-2-Clause
// Chunked bodies: what they hold, whole and split at every byte, and what is none.
// Runs in: tests.
#include "proto/http1/chunk_decoder.h"

#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace sluice::http1 {
namespace {

using Outcome = ChunkDecoder::Outcome;

struct Decoded {
    Outcome outcome = Outcome::More;
    std::size_t used = 0;
    std::string content{};
    friend bool operator==(const Decoded&, const Decoded&) = default;
};

std::ostream& operator<<(std::ostream& out, const Decoded& decoded) {
    return out << static_cast<int>(decoded.outcome) << ", " << decoded.used << " bytes used, \""
               << decoded.content << '"';
}

Decoded decode(std::string_view bytes, std::size_t split) {
    ChunkDecoder decoder;
    Decoded out;
    for (std::string_view part : {bytes.substr(0, split), bytes.substr(split)}) {
        while (!part.empty() && out.outcome == Outcome::More) {
            const ChunkDecoder::Step step = decoder.feed(part);
            out.used += step.used;
            out.content += step.content;
            part.remove_prefix(step.used);
            out.outcome = step.outcome == Outcome::Content ? Outcome::More : step.outcome;
        }
    }
    EXPECT_EQ(decoder.content(), out.content.size());
    return out;
}

Decoded decode_everyhow(std::string_view bytes) {
    const Decoded whole = decode(bytes, 0);
    for (std::size_t at = 1; at < bytes.size(); ++at) {
        EXPECT_EQ(decode(bytes, at), whole) << "split at " << at << " of " << bytes;
    }
    return whole;
}

TEST(ChunkDecoder, GivesTheContentAndTheEnd) {
    const std::string body = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

    EXPECT_EQ(decode_everyhow(body + "GET / HTTP/1.1\r\n"),
              (Decoded{Outcome::Done, body.size(), "hello world"}));
}

TEST(ChunkDecoder, TakesLegalExtensions) {
    for (const std::string_view ext :
         {";a", ";a=b", ";a=b;c=\"d\"", " ; a = b ;\tc", ";a=\"\"", ";a=\"x;\\\"y\\\\\r\n\"",
          ";a=\"\t\x80\xff\"", ";!#$%&'*+-.^_`|~=1"}) {
        const bool has_line_end = ext.find('\r') != ext.npos;
        const std::string body =
            "5" + std::string(ext) + "\r\nhello\r\n0" + std::string(ext) + "\r\n\r\n";
        if (has_line_end) {
            EXPECT_EQ(decode_everyhow(body).outcome, Outcome::Malformed) << ext;
            continue;
        }
        EXPECT_EQ(decode_everyhow(body), (Decoded{Outcome::Done, body.size(), "hello"})) << ext;
    }
}

TEST(ChunkDecoder, RefusesBadExtensions) {
    for (const std::string_view ext :
         {" ", "\t", ";", ";;a", ";a=", ";=b", ";a b", ";a=b c", ";a=\"b", ";a=\"b\"c", ";a\rb",
          ";a\nb", ";a=\"\\\x01\"", ";a=\"\x7f\"", ";a ", ";a=b ", ",a", ";a\xff", ";a=\xff"}) {
        const std::string body = "5" + std::string(ext) + "\r\nhello\r\n0\r\n\r\n";
        EXPECT_EQ(decode_everyhow(body).outcome, Outcome::Malformed) << '"' << ext << '"';
    }
}

TEST(ChunkDecoder, RefusesBadSizesAndLineEnds) {
    for (const std::string_view bad : {"x\r\n",
                                       "-1\r\n",
                                       "+1\r\na\r\n",
                                       "0x5\r\nhello\r\n",
                                       " 5\r\nhello\r\n",
                                       "\r\n",
                                       ";a\r\n",
                                       "5\nhello\r\n",
                                       "5\rhello",
                                       "5\r\nhello\n0\r\n\r\n",
                                       "5\r\nhelloX\r\n",
                                       "5\r\nhell\r\n0",
                                       "8000000000000000\r\n",
                                       "ffffffffffffffff\r\n",
                                       "10000000000000000\r\n",
                                       "0\r\n\rX",
                                       "0\r\n\n",
                                       "0\n\r\n",
                                       "5_0\r\n",
                                       "g\r\n",
                                       "5\r\nhello5\r\n"}) {
        EXPECT_EQ(decode_everyhow(bad).outcome, Outcome::Malformed) << bad;
    }
}

TEST(ChunkDecoder, RefusesSizesThatOverflowTogether) {
    EXPECT_EQ(decode("1\r\na\r\n7fffffffffffffff\r\n", 0).outcome, Outcome::Malformed);
    EXPECT_EQ(decode("1\r\na\r\n7ffffffffffffffe\r\n", 0).outcome, Outcome::More);
    EXPECT_EQ(decode("00000000000000000000001\r\na\r\n0\r\n\r\n", 0).outcome, Outcome::Done);
}

TEST(ChunkDecoder, JudgesTrailersAsFields) {
    const std::string last = "0\r\n";

    EXPECT_EQ(decode_everyhow(last + "A: b\r\nC:\r\nD:\te\xff\r\n\r\n").outcome, Outcome::Done);
    for (const std::string_view bad :
         {"A\r\n\r\n", "A : b\r\n\r\n", ": b\r\n\r\n", " A: b\r\n\r\n", "A: b\n\r\n",
          "A: b\r\n c\r\n\r\n", "A: \x01\r\n\r\n", "A: b\rc\r\n\r\n", "A: b\r\n\n"}) {
        EXPECT_EQ(decode_everyhow(last + std::string(bad)).outcome, Outcome::Malformed) << bad;
    }
}

TEST(ChunkDecoder, RefusesFramingWithoutEnd) {
    for (const std::string_view start : {"1;", "0\r\nA:", "1;a=\"", "0", "1 "}) {
        ChunkDecoder decoder;
        Outcome outcome = decoder.feed(start).outcome;
        const std::string noise(1024, start == "0" ? '0' : start == "1 " ? ' ' : 'a');
        std::size_t taken = 0;
        while (outcome == Outcome::More && taken < 1U << 20) {
            outcome = decoder.feed(noise).outcome;
            taken += noise.size();
        }
        EXPECT_EQ(outcome, Outcome::Malformed) << start;
        EXPECT_LE(taken, 34U * 1024) << start;
    }
}

TEST(ChunkDecoder, ServesOneByteAChunk) {
    std::string body;
    for (int i = 0; i < 100'000; ++i) {
        body += "1\r\nx\r\n";
    }
    body += "0\r\n\r\n";

    EXPECT_EQ(decode(body, 0).content.size(), 100'000U);
}

}  // namespace
}  // namespace sluice::http1
