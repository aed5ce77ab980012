// SPDX-License-Identifier: BSD-2-Clause
// JsonLine: types, nesting, hostile bytes, lines that do not fit; always one valid object.
#include "modules/shared/json_line.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "log/json_text.h"

namespace sluice::modules {
namespace {

struct Subject {
    std::string_view text;
    std::string_view number;
};

script::Value get_text(const void* subject, Arena&, std::string_view) {
    return {.text = static_cast<const Subject*>(subject)->text, .is_found = true};
}

script::Value get_number(const void* subject, Arena&, std::string_view) {
    return {.text = static_cast<const Subject*>(subject)->number, .is_found = true};
}

constexpr script::VariableRow kText{.name = "t", .get = get_text, .sentence = ""};
constexpr script::VariableRow kNumber{
    .name = "n", .get = get_number, .sentence = "", .is_number = true};
constexpr script::VariableRow kRows[] = {kText, kNumber};
constexpr std::span<const script::VariableRow> kLists[] = {kRows};

class JsonLine : public testing::Test {
  protected:
    script::Template text(std::string_view source) {
        return *script::Template::compile(source, script::VariableTable(kLists), arena_);
    }

    std::string line(std::initializer_list<JsonField> fields,
                     const Subject& subject,
                     std::size_t room = 4096) {
        // Exactly as large as allowed: a sanitizer sees a byte too many.
        std::vector<char> bytes(room);
        LineWriter out(bytes);
        put_json_object(out, {fields.begin(), fields.size()},
                        {.subject = &subject, .arena = arena_, .captures = captures_});
        is_cut_ = out.is_cut();
        return std::string(out.text());
    }

    Arena arena_;
    script::Captures captures_;
    bool is_cut_ = false;
};

TEST_F(JsonLine, WritesNumbersBareAndTextsQuoted) {
    EXPECT_EQ(line({{.key = "\"s\":", .value = text("$n"), .type = JsonType::Number},
                    {.key = "\"t\":", .value = text("a $t")}},
                   {.text = "x\"y", .number = "200"}),
              R"({"s":200,"t":"a x\"y"})");
}

TEST_F(JsonLine, WhatIsNoNumberIsAStringAndZerosInFrontGo) {
    const auto number = [this](std::string_view value) {
        return line({{.key = "\"n\":", .value = text("$n"), .type = JsonType::Number}},
                    {.text = "", .number = value});
    };
    EXPECT_EQ(number("000"), R"({"n":0})");
    EXPECT_EQ(number("007"), R"({"n":7})");
    EXPECT_EQ(number("0.003"), R"({"n":0.003})");
    EXPECT_EQ(number("-"), R"({"n":"-"})");
    EXPECT_EQ(number("1, 2"), R"({"n":"1, 2"})");
    EXPECT_EQ(number("1e"), R"({"n":"1e"})");
    EXPECT_EQ(number(""), R"({"n":null})");
}

TEST_F(JsonLine, EmptyIsNullOrLeftOut) {
    EXPECT_EQ(line({{.key = "\"a\":", .value = text("$t")},
                    {.key = "\"b\":", .value = text("$t"), .is_optional = true},
                    {.key = "\"c\":", .value = text("$t"), .type = JsonType::Boolean}},
                   {.text = "", .number = ""}),
              R"({"a":null,"c":false})");
    EXPECT_EQ(line({{.key = "\"b\":", .value = text("$t"), .is_optional = true}}, {}), "{}");
}

TEST_F(JsonLine, BytesThatAreNoUtf8BecomeReplacementCharacters) {
    const auto string = [this](std::string_view value) {
        return line({{.key = "\"t\":", .value = text("$t")}}, {.text = value, .number = ""});
    };
    EXPECT_EQ(string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
              "{\"t\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}");
    EXPECT_EQ(string("a\xff" "b"), "{\"t\":\"a\\ufffdb\"}");
    EXPECT_EQ(string("\xc3"), "{\"t\":\"\\ufffd\"}");
    EXPECT_EQ(string("\xc0\xaf"), "{\"t\":\"\\ufffd\\ufffd\"}");              // overlong
    EXPECT_EQ(string("\xed\xa0\x80"), "{\"t\":\"\\ufffd\\ufffd\\ufffd\"}");  // a surrogate
    EXPECT_EQ(string("\xf4\x90\x80\x80"),
              "{\"t\":\"\\ufffd\\ufffd\\ufffd\\ufffd\"}");  // past U+10FFFF
    EXPECT_EQ(string(std::string_view("\n\0\x1f\x7f\\", 5)),
              "{\"t\":\"\\n\\u0000\\u001F\x7f\\\\\"}");
}

TEST_F(JsonLine, ObjectsAreNested) {
    const JsonField inner[] = {{.key = "\"t\":", .value = text("$t")}};
    EXPECT_EQ(line({{.key = "\"a\":", .value = {}, .is_object = true, .fields = inner},
                    {.key = "\"b\":", .value = text("$n"), .type = JsonType::Number}},
                   {.text = "x", .number = "1"}),
              R"({"a":{"t":"x"},"b":1})");
}

TEST_F(JsonLine, EveryLengthOfRoomGivesAClosedObject) {
    const JsonField inner[] = {{.key = "\"t\":", .value = text("$t")},
                               {.key = "\"u\":", .value = text("$t")}};
    const Subject subject{.text = "ab\n\xe2\x82\xac\"cd", .number = "12"};
    const auto at = [&](std::size_t room) {
        return line({{.key = "\"n\":", .value = text("$n"), .type = JsonType::Number},
                     {.key = "\"a\":", .value = {}, .is_object = true, .fields = inner},
                     {.key = "\"t\":", .value = text("$t")}},
                    subject, room);
    };
    const std::string whole = at(4096);
    EXPECT_FALSE(is_cut_);

    EXPECT_EQ(at(0), "");
    EXPECT_EQ(at(1), "");
    for (std::size_t room = 2; room < whole.size(); ++room) {
        const std::string cut = at(room);
        EXPECT_TRUE(is_cut_);
        EXPECT_LE(cut.size(), room);
        EXPECT_TRUE(cut.starts_with('{') && cut.ends_with('}')) << cut;
        EXPECT_EQ(std::ranges::count(cut, '{'), std::ranges::count(cut, '}')) << cut;
        // Quotes that are not escaped come in pairs: our texts end in no backslash.
        std::size_t quotes = 0;
        for (std::size_t i = 0; i < cut.size(); ++i) {
            if (cut[i] == '\\') {
                ++i;
                continue;
            }
            quotes += cut[i] == '"' ? 1U : 0U;
        }
        EXPECT_EQ(quotes % 2, 0U) << cut;
        EXPECT_EQ(cut.find(":}"), cut.npos) << cut;
        EXPECT_EQ(cut.find(",}"), cut.npos) << cut;
        EXPECT_TRUE(cut.find('\xe2') == cut.npos || cut.find("\xe2\x82\xac") != cut.npos);
    }
    EXPECT_EQ(at(whole.size()), whole);
}

TEST(JsonNumber, IsWhatTheGrammarSays) {
    for (const std::string_view good : {"0", "-0", "12", "1.5", "-1.25e+10", "1E5", "0.0"}) {
        EXPECT_TRUE(log::is_json_number(good)) << good;
    }
    for (const std::string_view bad :
         {"", "-", "+1", "01", ".5", "1.", "1e", "1e+", "0x1", "1 ", " 1", "1.5.2", "NaN"}) {
        EXPECT_FALSE(log::is_json_number(bad)) << bad;
    }
}

}  // namespace
}  // namespace sluice::modules
