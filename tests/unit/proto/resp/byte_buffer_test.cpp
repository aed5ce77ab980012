// SPDX-License-Identifier: BSD-2-Clause
// Buffers: what goes in comes out, and memory is borrowed only while bytes are in them.
#include "proto/resp/byte_buffer.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "proto/resp/reply_writer.h"

namespace sluice::resp {
namespace {

TEST(ByteBuffer, GivesWhatWasAddedWhateverTheSizes) {
    BlockPool pool(64);
    ByteBuffer buffer(pool);
    std::string expected;
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; ++i) {
        const std::string more(random() % 100, static_cast<char>('a' + i % 26));
        buffer.append(more);
        expected += more;
        const std::size_t gone = random() % (buffer.size() + 1);
        ASSERT_EQ(buffer.view(), expected);
        buffer.consume(gone);
        expected.erase(0, gone);
    }
}

TEST(ByteBuffer, HoldsNothingWhenItIsEmpty) {
    BlockPool pool(64);
    ByteBuffer buffer(pool);

    buffer.append("abc");
    EXPECT_GT(buffer.room_size(), 0U);
    buffer.consume(3);

    EXPECT_EQ(buffer.room_size(), 0U);
}

TEST(ReplyWriter, SpeaksBothVersions) {
    BlockPool pool(64);
    ByteBuffer out(pool);
    Version version = Version::Resp2;
    ReplyWriter reply(out, version);

    for (const Version now : {Version::Resp2, Version::Resp3}) {
        version = now;
        reply.null();
        reply.null_array();
        reply.map(2);
        reply.set(1);
        reply.verbatim("hi");
    }
    reply.integer(-12);
    reply.bulk("x\r\n");
    reply.error("ERR a\r\nb");

    EXPECT_EQ(out.view(), "$-1\r\n*-1\r\n*4\r\n*1\r\n$2\r\nhi\r\n"
                          "_\r\n_\r\n%2\r\n~1\r\n=6\r\ntxt:hi\r\n"
                          ":-12\r\n$3\r\nx\r\n\r\n-ERR a  b\r\n");
}

}  // namespace
}  // namespace sluice::resp
