// SPDX-License-Identifier: BSD-2-Clause
// Escapes: eight bytes at a time find what one at a time would.
#include "log/escape.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::log {
namespace {

std::size_t plain_by_bytes(std::string_view text, EscapeRule rule) {
    std::size_t at = 0;
    while (at < text.size() && !needs_escape(static_cast<unsigned char>(text[at]), rule)) {
        ++at;
    }
    return at;
}

TEST(Escape, FindsEachByteAtEachPlace) {
    for (const EscapeRule rule : {EscapeRule::OneLine, EscapeRule::Peer}) {
        for (std::size_t size = 0; size <= 33; ++size) {
            for (std::size_t place = 0; place < size; ++place) {
                for (int c = 0; c < 256; ++c) {
                    std::string text(size, 'a');
                    text[place] = static_cast<char>(c);

                    ASSERT_EQ(plain_prefix(text, rule), plain_by_bytes(text, rule))
                        << size << " bytes, byte " << c << " at " << place;
                }
            }
        }
    }
}

TEST(Escape, FindsTheFirstOfMany) {
    std::mt19937 dice(1);
    for (int i = 0; i < 20'000; ++i) {
        std::string text(dice() % 40, ' ');
        for (char& c : text) {
            c = static_cast<char>(dice() % 12 == 0 ? dice() % 256 : '0' + dice() % 10);
        }

        ASSERT_EQ(plain_prefix(text, EscapeRule::Peer), plain_by_bytes(text, EscapeRule::Peer));
    }
}

TEST(Escape, WritesBytesInHexadecimal) {
    std::string out;

    escape("say \"hi\"\n\\\xc3", EscapeRule::Peer, [&out](std::string_view piece) { out += piece; });

    EXPECT_EQ(out, "say \\x22hi\\x22\\x0A\\x5C\\xC3");
}

}  // namespace
}  // namespace sluice::log
