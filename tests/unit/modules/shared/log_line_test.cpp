// SPDX-License-Identifier: BSD-2-Clause
// LogLine: escapes of client bytes, absent values, lines that do not fit.
#include "modules/shared/log_line.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace sluice::modules {
namespace {

script::Value get_value(const void* subject, Arena&, std::string_view) {
    return {.text = *static_cast<const std::string_view*>(subject), .is_found = true};
}

script::Value get_nothing(const void*, Arena&, std::string_view) {
    return script::Value::none();
}

constexpr script::VariableRow kRows[] = {
    {.name = "value", .get = get_value, .sentence = "What the client sent."},
    {.name = "nothing", .get = get_nothing, .sentence = "Never there."},
};
constexpr std::span<const script::VariableRow> kLists[] = {kRows};

class LogLineTest : public testing::Test {
  protected:
    std::string line(LogEscape escape, std::string_view format, std::string_view value,
                     std::size_t room = 256) {
        const script::VariableTable table(kLists);
        const LogFormat log{.name = "f",
                            .escape = escape,
                            .text = *script::Template::compile(format, table, arena_),
                            .fields = {}};
        std::string out(room, '?');
        const RenderedLine rendered = render_line(log, &value, arena_, {}, out);
        is_cut_ = rendered.is_cut;
        return out.substr(0, rendered.size);
    }

    Arena arena_;
    bool is_cut_ = false;
};

TEST_F(LogLineTest, EscapesClientBytesAsNginxDoes) {
    EXPECT_EQ(line(LogEscape::Default, "\"$value\" $nothing", "a\"b\\c\n\x7f\xc3 ~"),
              "\"a\\x22b\\x5Cc\\x0A\\x7F\\xC3 ~\" -");
}

TEST_F(LogLineTest, EscapesForJson) {
    EXPECT_EQ(line(LogEscape::Json, "{\"v\":\"$value\",\"n\":\"$nothing\"}", "a\"\\\n\t\x01\xc3\xa9"),
              "{\"v\":\"a\\\"\\\\\\n\\t\\u0001\xc3\xa9\",\"n\":\"\"}");
}

TEST_F(LogLineTest, NoneStillKeepsALineOneLine) {
    EXPECT_EQ(line(LogEscape::None, "$value|$nothing", "a\"b\r\nc"), "a\"b  c|");
}

TEST_F(LogLineTest, WritesConstantFormats) {
    EXPECT_EQ(line(LogEscape::Default, "hello", ""), "hello");
}

TEST_F(LogLineTest, CutsAtAnEscapeBoundary) {
    const std::string whole = line(LogEscape::Default, "$value", "ab\n\n\n\n", 18);
    EXPECT_EQ(whole, "ab\\x0A\\x0A\\x0A\\x0A");
    EXPECT_FALSE(is_cut_);

    const std::string cut = line(LogEscape::Default, "$value", "ab\n\n\n\n", 12);
    EXPECT_TRUE(is_cut_);
    EXPECT_EQ(cut, "ab\\x0A\\x0A");
}

}  // namespace
}  // namespace sluice::modules
