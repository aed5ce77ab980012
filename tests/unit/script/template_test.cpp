// SPDX-License-Identifier: BSD-2-Clause
// Template and variable lookup: nginx's `$` rules, one-pass rendering, bounded memory.
#include "script/template.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace sluice::script {
namespace {

struct Subject {
    std::string_view host;
};

Value get_host(const void* subject, Arena&, std::string_view) {
    return {.text = static_cast<const Subject*>(subject)->host, .is_found = true};
}

Value get_suffix(const void*, Arena& arena, std::string_view suffix) {
    return {.text = arena.copy(suffix), .is_found = true};
}

Value get_missing(const void*, Arena&, std::string_view) {
    return Value::none();
}

Value get_too_long(const void*, Arena&, std::string_view) {
    return Value::no_room();
}

constexpr VariableRow kRows[] = {
    {.name = "too_long", .get = get_too_long, .sentence = "Finds no room."},
    {.name = "host", .get = get_host, .sentence = "Name asked for."},
    {.name = "missing", .get = get_missing, .sentence = "Never there."},
    {.name = "arg_", .get = get_suffix, .sentence = "Argument.", .is_prefix = true},
    {.name = "arg_long_", .get = get_missing, .sentence = "Longer.", .is_prefix = true},
};
constexpr std::span<const VariableRow> kLists[] = {kRows};
const VariableTable kTable(kLists);

class TemplateTest : public testing::Test {
  protected:
    std::string rendered(std::string_view text) {
        const auto compiled = Template::compile(text, kTable, arena_);
        if (!compiled) {
            return "error: " + compiled.error();
        }
        static constexpr std::array<std::string_view, 3> kGroups{"whole", "one", "two"};
        return std::string(compiled->render(&subject_, arena_, {.groups = kGroups}));
    }

    Arena arena_;
    Subject subject_{.host = "a.example"};
};

TEST_F(TemplateTest, IsNoTextWhereAVariableFindsNoRoom) {
    for (const char* const text : {"$too_long", "a$too_long", "$host$too_long$missing"}) {
        const auto compiled = Template::compile(text, kTable, arena_);

        EXPECT_EQ(compiled->render(&subject_, arena_).data(), nullptr) << text;
    }
    EXPECT_FALSE(Value::no_room().is_found);
    EXPECT_TRUE(Value::no_room().text.empty());
    EXPECT_TRUE(Value::none().has_room());
    EXPECT_TRUE(Value{""}.has_room());
}

TEST_F(TemplateTest, RendersVariablesBetweenLiterals) {
    EXPECT_EQ(rendered("http://$host/x"), "http://a.example/x");
    EXPECT_EQ(rendered("${host}x"), "a.examplex");
    EXPECT_EQ(rendered("$host$host"), "a.examplea.example");
    EXPECT_EQ(rendered("$host"), "a.example");
    EXPECT_EQ(rendered("[$missing]"), "[]");
}

TEST_F(TemplateTest, FindsNamesWithoutRegardToCase) {
    EXPECT_EQ(rendered("$HOST"), "a.example");
}

TEST_F(TemplateTest, GivesPrefixRowsTheRestOfTheName) {
    EXPECT_EQ(rendered("$arg_page"), "page");
    EXPECT_EQ(rendered("$arg_"), "error: unknown \"arg_\" variable");
    EXPECT_EQ(rendered("<$arg_long_x>"), "<>");
}

TEST_F(TemplateTest, RendersCapturesOfOneDigit) {
    EXPECT_EQ(rendered("$1-$2"), "one-two");
    EXPECT_EQ(rendered("$10"), "one0");
    EXPECT_EQ(rendered("<$9>"), "<>");
}

TEST_F(TemplateTest, RefusesWhatNginxRefuses) {
    EXPECT_EQ(rendered("$foo"), "error: unknown \"foo\" variable");
    EXPECT_EQ(rendered("100$"), "error: invalid variable name");
    EXPECT_EQ(rendered("$-"), "error: invalid variable name");
    EXPECT_EQ(rendered("${}"), "error: invalid variable name");
    EXPECT_EQ(rendered("${host"), "error: the closing bracket in \"host\" variable is missing");
    EXPECT_EQ(rendered("$0"), "error: unknown \"0\" variable");
}

TEST_F(TemplateTest, ConstantTextIsGivenAsItStands) {
    const auto compiled = Template::compile("plain", kTable, arena_);

    ASSERT_TRUE(compiled);
    EXPECT_TRUE(compiled->is_constant());
    EXPECT_EQ(compiled->render(nullptr, arena_).data(), compiled->constant().data());
    EXPECT_NE(Template().render(nullptr, arena_).data(), nullptr);
}

TEST_F(TemplateTest, SaysWhenTheArenaIsFull) {
    const auto compiled = Template::compile("$host/$host", kTable, arena_);
    const std::string huge(4096, 'h');
    const Subject subject{.host = huge};
    Arena small(1024, 2048);

    EXPECT_EQ(compiled->render(&subject, small).data(), nullptr);
}

}  // namespace
}  // namespace sluice::script
