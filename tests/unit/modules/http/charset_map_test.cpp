// SPDX-License-Identifier: BSD-2-Clause
// Recoder: texts cut at any byte give what the whole gives.
// Runs in: any (test).
#include "modules/http/charset_map.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::modules {
namespace {

/// The charset "one", where 0xc0 is U+0416, 0xc1 U+20AC and 'a' is 'b' of "two".
class Tables {
  public:
    Tables() {
        for (std::size_t i = 0; i < 256; ++i) {
            const char itself = i < 128 ? static_cast<char>(i) : '?';
            symbols_[i] = {.size = 1, .bytes = {itself}};
            bytes_[i] = back_[i] = itself;
        }
        symbols_[0xc0] = {.size = 2, .bytes = {'\xd0', '\x96'}};
        symbols_[0xc1] = {.size = 3, .bytes = {'\xe2', '\x82', '\xac'}};
        for (std::vector<char>* const page : {&cyrillic_, &signs_}) {
            page->assign(256, '\0');
        }
        cyrillic_[0x16] = '\xc0';
        signs_[0xac] = '\xc1';
        pages_[0x04] = cyrillic_;
        pages_[0x20] = signs_;
        bytes_['a'] = 'b';
        back_['b'] = 'a';
        utf_ = {.first = "one", .second = "UTF-8", .has_utf8 = true, .symbols = symbols_, .pages = pages_};
        two_ = {.first = "one", .second = "two", .to_second = bytes_, .to_first = back_};
    }

    const CharsetMap& utf() const { return utf_; }
    const CharsetMap& two() const { return two_; }

  private:
    std::vector<Utf8Symbol> symbols_{256};
    std::vector<std::span<char>> pages_{256};
    std::vector<char> cyrillic_;
    std::vector<char> signs_;
    std::vector<char> bytes_ = std::vector<char>(256);
    std::vector<char> back_ = std::vector<char>(256);
    CharsetMap utf_;
    CharsetMap two_;
};

std::string convert(const Recoding& recoding, std::string_view text, std::size_t piece) {
    Recoder recoder(recoding);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const std::string_view part = text.substr(at, piece);
        std::string room(recoder.bound(part.size()), '\0');
        out += room.substr(0, recoder.convert(part, room.data()));
    }
    return out;
}

TEST(Recoder, ConvertsInPiecesOfAnySize) {
    const Tables tables;
    const std::string_view utf =
        "a\xd0\x96\xe2\x82\xac|\xc3\xa9|\xf0\x9f\x98\x80|\xff|\xd0|\xe2\x82|\xc0\x80|\xf4\x90\x80\x80z";
    const std::string_view one = "a\xc0\xc1|&#233;|&#128512;|?|?|?|??|?z";
    for (std::size_t piece = 1; piece <= utf.size(); ++piece) {
        EXPECT_EQ(convert({.map = &tables.utf(), .is_backward = true}, utf, piece), one) << piece;
    }
    EXPECT_EQ(convert({.map = &tables.utf()}, "a\xc0\xc1\xc2", 1), "a\xd0\x96\xe2\x82\xac?");
    EXPECT_EQ(convert({.map = &tables.two()}, "abc\xc0", 3), "bbc?");
    EXPECT_EQ(convert({.map = &tables.two(), .is_backward = true}, "abc", 3), "aac");
}

TEST(Recoder, GivesWhatFits) {
    const Tables tables;
    const Recoder utf({.map = &tables.utf(), .is_backward = true});
    const Recoder bytes({.map = &tables.two()});

    for (const std::size_t room : {64U, 100U, 4096U, 16384U}) {
        EXPECT_LE(utf.bound(utf.fitting(room)), room);
        EXPECT_EQ(bytes.fitting(room), room);
    }
    EXPECT_EQ(utf.fitting(1), 1U);
    EXPECT_EQ(bytes.fitting(0), 1U);
}

TEST(FindRecoding, LooksBothWaysInAnyCase) {
    const Tables tables;
    const CharsetMap* const maps[] = {&tables.two(), &tables.utf()};

    EXPECT_EQ(find_recoding(maps, "ONE", "utf-8").map, &tables.utf());
    EXPECT_FALSE(find_recoding(maps, "ONE", "utf-8").is_backward);
    EXPECT_TRUE(find_recoding(maps, "two", "one").is_backward);
    EXPECT_EQ(find_recoding(maps, "two", "utf-8").map, nullptr);
}

}  // namespace
}  // namespace sluice::modules
