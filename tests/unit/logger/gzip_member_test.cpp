// SPDX-License-Identifier: BSD-2-Clause
// Compressed batches can be read again, alone and in a row.
#include "logger/gzip_member.h"

#include <array>
#include <string>
#include <zlib.h>

#include <gtest/gtest.h>

namespace sluice::logger {
namespace {

/// What `gunzip` makes of one member or several.
std::string unpacked(std::string bytes) {
    std::string out;
    while (!bytes.empty()) {
        z_stream stream{};
        EXPECT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
        stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
        stream.avail_in = static_cast<uInt>(bytes.size());
        int result = Z_OK;
        while (result == Z_OK) {
            std::array<char, 4096> page{};
            stream.next_out = reinterpret_cast<Bytef*>(page.data());
            stream.avail_out = page.size();
            result = ::inflate(&stream, Z_NO_FLUSH);
            out.append(page.data(), page.size() - stream.avail_out);
        }
        EXPECT_EQ(result, Z_STREAM_END);
        bytes.erase(0, stream.total_in);
        ::inflateEnd(&stream);
        if (result != Z_STREAM_END) {
            break;
        }
    }
    return out;
}

TEST(GzipMember, MembersInARowReadAsOneText) {
    GzipMember member;
    std::string file;
    for (const std::string& lines : {std::string("one\ntwo\n"), std::string(100'000, 'x') + "\n"}) {
        member.make(lines, 1);
        EXPECT_EQ(member.source_bytes(), lines.size());
        file += member.unwritten();
        EXPECT_TRUE(member.wrote(member.unwritten().size()));
        EXPECT_FALSE(member.is_open());
    }

    EXPECT_EQ(unpacked(file), "one\ntwo\n" + std::string(100'000, 'x') + "\n");
}

TEST(GzipMember, IsMadeAnewForANewFile) {
    GzipMember member;
    member.make("a line\n", 9);
    EXPECT_FALSE(member.wrote(5));

    member.forget();
    EXPECT_FALSE(member.is_open());
    member.make("a line\n", 9);

    EXPECT_EQ(unpacked(std::string(member.unwritten())), "a line\n");
}

}  // namespace
}  // namespace sluice::logger
