// SPDX-License-Identifier: BSD-2-Clause
// From levels back to what was written.
#include "conf/places.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::conf {
namespace {

constexpr std::string_view kName = "X-A";

/// outer { root a; root b; add_header X-A "v w"; inner { index c; } }
struct Written {
    std::array<Argument, 1> a{Argument{.text = "a"}};
    std::array<Argument, 1> b{Argument{.text = "b"}};
    std::array<Argument, 2> header{Argument{.text = kName}, Argument{.text = "v w", .is_quoted = true}};
    std::array<Argument, 1> c{Argument{.text = "c"}};
    std::array<Directive, 1> in_inner{
        Directive{.name = "index", .args = c, .at = {.line = 5, .column = 9}}};
    std::array<Directive, 4> in_outer{
        Directive{.name = "root", .args = a, .at = {.line = 2}},
        Directive{.name = "root", .args = b, .at = {.line = 3}},
        Directive{.name = "add_header", .args = header, .at = {.line = 4}},
        Directive{.name = "inner", .children = in_inner, .has_block = true, .at = {.line = 5}}};
    std::array<Directive, 1> all{
        Directive{.name = "outer", .children = in_outer, .has_block = true, .at = {.line = 1}}};
    Level outer;
    Level inner;

    Written() {
        outer.block = all.data();
        inner.block = &in_outer[3];
        inner.parent = &outer;
    }
};

TEST(Places, FindTheDirectiveThatHolds) {
    const Written written;
    const std::array<std::string_view, 2> names{"alias", "root"};

    EXPECT_EQ(find_directive(written.inner, "index")->at.line, 5U);
    EXPECT_EQ(find_directive(written.inner, "root")->at.line, 3U);
    EXPECT_EQ(find_directive(written.inner, names)->at.line, 3U);
    EXPECT_EQ(find_directive(written.outer, "index"), nullptr);
    EXPECT_EQ(find_directive(written.inner, "nothing"), nullptr);
}

TEST(Places, FindTheDirectiveOfAnArgument) {
    const Written written;
    const std::string same_text = "X-A";

    EXPECT_EQ(find_argument(written.inner, kName)->at.line, 4U);
    EXPECT_EQ(find_argument(written.inner, same_text), nullptr);
}

TEST(Places, FindTheDirectiveAtAPlace) {
    const Written written;
    Tree tree;
    tree.directives = written.all;

    EXPECT_EQ(find_directive(tree, {.line = 5, .column = 9})->name, "index");
    EXPECT_EQ(find_directive(tree, {.line = 5})->name, "inner");
    EXPECT_EQ(find_directive(tree, {.line = 9}), nullptr);
    EXPECT_EQ(find_directive(tree, Position{}), nullptr);
}

TEST(Places, WriteDirectivesOnOneLine) {
    const Written written;
    const std::array<Argument, 1> broken{Argument{.text = "a\nb\xc3\xa9\xc3\xa9\xc3\xa9"}};

    EXPECT_EQ(text_of(written.in_outer[2]), "add_header X-A \"v w\"");
    EXPECT_EQ(text_of(Directive{.name = "x", .args = broken}), "x a b\xc3\xa9\xc3\xa9\xc3\xa9");
    EXPECT_EQ(text_of(Directive{.name = "x", .args = broken}, 10), "x a b\xc3\xa9…");
}

}  // namespace
}  // namespace sluice::conf
