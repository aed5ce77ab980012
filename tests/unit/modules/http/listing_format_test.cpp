// SPDX-License-Identifier: BSD-2-Clause
// Directory listings: nginx's lines, byte for byte.
// Runs in: tests.
#include "modules/http/listing_format.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::modules {
namespace {

using Kind = ListedFile::Kind;

std::string line(const ListingStyle& style, const ListedFile& file, bool is_first = true) {
    std::string out;
    append_listed(out, style, file, is_first);
    return out;
}

std::string html(std::string_view name, Kind kind = Kind::File, std::uint64_t size = 5) {
    return line({}, {name, kind, size, UnixSeconds{1'700'000'000}});
}

std::string size_of(std::uint64_t size) {
    ListingStyle style;
    style.has_exact_size = false;
    const std::string text = line(style, {"f", Kind::File, size, {}});
    return text.substr(text.size() - 9, 7);
}

TEST(ListingFormat, PadsNamesInHtml) {
    const std::string pad(45, ' ');

    EXPECT_EQ(html("a.txt"),
              "<a href=\"a.txt\">a.txt</a>" + pad + " 14-Nov-2023 22:13                   5\r\n");
    EXPECT_EQ(html("dirs", Kind::Directory),
              "<a href=\"dirs/\">dirs/</a>" + pad + " 14-Nov-2023 22:13                   -\r\n");
}

TEST(ListingFormat, EscapesNamesInHtml) {
    EXPECT_TRUE(html("a b<\"&>").starts_with(
        "<a href=\"a%20b%3C%22%26%3E\">a b&lt;&quot;&amp;&gt;</a>"));
    EXPECT_TRUE(html("x:\n\xff").starts_with("<a href=\"x%3A%0A%FF\">x:\n\xff</a>"));
}

TEST(ListingFormat, CutsLongNamesInHtml) {
    const std::string fifty(50, 'n');
    const std::string longer(51, 'n');

    EXPECT_NE(html(fifty).find(">" + fifty + "</a> 14-"), std::string::npos);
    EXPECT_NE(html(fifty, Kind::Directory).find(">" + fifty + "</a> 14-"), std::string::npos);
    EXPECT_NE(html(longer).find(">" + std::string(47, 'n') + "..&gt;</a> 14-"), std::string::npos);
}

TEST(ListingFormat, MeasuresCharactersWhereNamesAreUtf8) {
    std::string name;
    for (int i = 0; i < 51; ++i) {
        name += "\xd1\x84";
    }
    ListingStyle style;
    style.is_utf8 = true;

    const std::string whole = line(style, {std::string_view(name).substr(2), Kind::File, 1, {}});
    const std::string cut = line(style, {name, Kind::File, 1, {}});

    EXPECT_NE(whole.find(">" + name.substr(2) + "</a> "), std::string::npos);
    EXPECT_NE(cut.find(">" + name.substr(0, 94) + "..&gt;</a> "), std::string::npos);
}

TEST(ListingFormat, RoundsSizes) {
    EXPECT_EQ(size_of(0), "      0");
    EXPECT_EQ(size_of(9999), "   9999");
    EXPECT_EQ(size_of(10'000), "    10K");
    EXPECT_EQ(size_of(10'751), "    10K");
    EXPECT_EQ(size_of(10'752), "    11K");
    EXPECT_EQ(size_of(1'048'575), "  1024K");
    EXPECT_EQ(size_of(1'048'576), "     1M");
    EXPECT_EQ(size_of(1'572'863), "     1M");
    EXPECT_EQ(size_of(1'572'864), "     2M");
    EXPECT_EQ(size_of(std::uint64_t{5} << 30U), "     5G");
}

TEST(ListingFormat, WritesJson) {
    ListingStyle style;
    style.format = ListingFormat::Json;
    const ListedFile file{"q\"\\\n\x01", Kind::File, 7, {}};
    const ListedFile pipe{"p", Kind::Other, 0, {}};

    EXPECT_EQ(line(style, file),
              "\r\n{ \"name\":\"q\\\"\\\\\\n\\u0001\", \"type\":\"file\", "
              "\"mtime\":\"Thu, 01 Jan 1970 00:00:00 GMT\", \"size\":7 }");
    EXPECT_EQ(line(style, pipe, false),
              ",\r\n{ \"name\":\"p\", \"type\":\"other\", "
              "\"mtime\":\"Thu, 01 Jan 1970 00:00:00 GMT\" }");
}

TEST(ListingFormat, WritesXml) {
    ListingStyle style;
    style.format = ListingFormat::Xml;

    EXPECT_EQ(line(style, {"a<b", Kind::File, 3, UnixSeconds{-5}}),
              "<file mtime=\"1970-01-01T00:00:00Z\" size=\"3\">a&lt;b</file>\r\n");
    EXPECT_EQ(line(style, {"d", Kind::Directory, 4096, UnixSeconds{1}}),
              "<directory mtime=\"1970-01-01T00:00:01Z\">d</directory>\r\n");
}

TEST(ListingFormat, ChecksCallbacks) {
    EXPECT_TRUE(is_callback("a.b_C9"));
    EXPECT_TRUE(is_callback(std::string(128, 'a')));
    EXPECT_FALSE(is_callback(std::string(129, 'a')));
    for (const std::string_view bad : {"a-b", "a(", "a%2e", "$", "a b", "\xd1\x84"}) {
        EXPECT_FALSE(is_callback(bad)) << bad;
    }
}

}  // namespace
}  // namespace sluice::modules
