// SPDX-License-Identifier: BSD-2-Clause
#include "modules/http/password_file.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/md5.h"
#include "base/sha1.h"

namespace sluice::modules {
namespace {

template <std::size_t N>
std::string hex(const std::array<unsigned char, N>& digest) {
    std::string out;
    for (const unsigned char byte : digest) {
        out += "0123456789abcdef"[byte >> 4];
        out += "0123456789abcdef"[byte & 15];
    }
    return out;
}

TEST(Digests, GiveTheValuesOfTheirRfcs) {
    EXPECT_EQ(hex(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(hex(md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
    EXPECT_EQ(hex(md5("1234567890123456789012345678901234567890123456789012345678901234567890"
                      "1234567890")),
              "57edf4a22be3c955ac49da2e2107b67a");
    EXPECT_EQ(hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(hex(sha1("abcdbcdecdefdefgefghfghighijhijkijkl", "jklmklmnlmnomnopnopq")),
              "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    EXPECT_EQ(hex(sha1(std::string(1'000'000, 'a'))), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(Base64, DecodesWhatItEncodes) {
    for (std::size_t size = 0; size < 70; ++size) {
        std::string bytes;
        for (std::size_t i = 0; i < size; ++i) {
            bytes += static_cast<char>(i * 37 + size);
        }
        std::string text(100, '\0');
        text.resize(encode_base64(bytes, text));
        std::string back(base64_bound(text.size()), '\0');

        const auto decoded = decode_base64(text, back);

        ASSERT_TRUE(decoded);
        EXPECT_EQ(back.substr(0, *decoded), bytes);
    }
}

TEST(Base64, RefusesWhatIsNone) {
    std::string room(64, '\0');

    EXPECT_FALSE(decode_base64("a", room));
    EXPECT_FALSE(decode_base64("ab-_", room));
    EXPECT_TRUE(decode_base64("ab-_", room, Base64::Url));
    EXPECT_FALSE(decode_base64("ab c", room));
    EXPECT_EQ(decode_base64("YQ", room), 1U);
    EXPECT_EQ(decode_base64("YQ==", room), 1U);
}

TEST(PasswordFile, FindsTheFirstLineOfAUser) {
    const std::string_view file = "#bo:0\nbob:1\nbo:2\r\nbo:3\nlast:4:comment\nempty:\nnone";

    EXPECT_EQ(find_hash(file, "bo"), "2");
    EXPECT_EQ(find_hash(file, "last"), "4");
    EXPECT_EQ(find_hash(file, "empty"), "");
    EXPECT_FALSE(find_hash(file, "none"));
    EXPECT_FALSE(find_hash(file, "#bo"));
    EXPECT_FALSE(find_hash(file, "b"));
    EXPECT_FALSE(find_hash("", "bo"));
}

TEST(PasswordFile, MalformedHashesFitNothing) {
    for (const std::string_view hash :
         {"", "*", "*0", "x", "$", "$1$", "$apr1$", "$apr1$salt", "$2b$", "{SHA}", "{SSHA}", "{SHA}Zm9v",
          "{SSHA}Zm9v", "{SSHA}____", "$6$", "$y$", "plain", "{OTHER}x"}) {
        EXPECT_FALSE(fits_hash("x", hash)) << hash;
        EXPECT_FALSE(fits_hash("", hash)) << hash;
    }
    EXPECT_TRUE(fits_hash("", "{PLAIN}"));
}

}  // namespace
}  // namespace sluice::modules
