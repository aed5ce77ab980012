// SPDX-License-Identifier: BSD-2-Clause
// Which directives two texts differ in, and what of their order counts.
// Runs in: tests.
#include "conf/tree_difference.h"

#include <gtest/gtest.h>

#include "base/arena.h"
#include "conf/parser.h"
#include "support/fake_facts.h"

namespace sluice::conf {
namespace {

struct Parsed {
    FakeFacts facts;
    Arena arena{4096};
    Tree tree;
    Diagnostics diagnostics;

    explicit Parsed(std::string text) {
        facts.files["/c"] = std::move(text);
        Parser(facts, arena, tree, diagnostics).parse("/c", {});
    }
};

/// "+x; ~a 1;>a 2; …" with the path of each in brackets.
std::string difference(std::string old, std::string next) {
    const Parsed before(std::move(old));
    const Parsed after(std::move(next));
    EXPECT_FALSE(before.diagnostics.has_errors() || after.diagnostics.has_errors());
    std::string out;
    for (const TreeChange& one : tree_changes(before.tree, after.tree)) {
        out += out.empty() ? "" : " | ";
        out += one.path.empty() ? "" : "[" + one.path + "] ";
        out += std::string(1, "+-~>"[static_cast<std::size_t>(one.kind)]);
        out += one.before != nullptr ? shown(*one.before) : "";
        out += one.after != nullptr ? "=" + shown(*one.after) : "";
    }
    return out;
}

TEST(TreeDifference, IsNothingForOtherBlanksQuotesAndOrder) {
    EXPECT_EQ(difference("a 1; b { c; d; }", "b {d;\n c;} \"a\" '1'; # x"), "");
}

TEST(TreeDifference, PairsTheSameNameAndFirstArgument) {
    EXPECT_EQ(difference("h A 1; h B 1;", "h B 2; h A 1;"), "~h B 1;=h B 2;");
}

TEST(TreeDifference, PairsTheSameNameElse) {
    EXPECT_EQ(difference("root /a;", "root /b;"), "~root /a;=root /b;");
}

TEST(TreeDifference, TellsAddedAndRemovedWhereTheyStand) {
    EXPECT_EQ(difference("a; b; c;", "a; x; c;"), "+=x; | -b;");
}

TEST(TreeDifference, GoesIntoBlocksOfTheSameHead) {
    EXPECT_EQ(difference("location /a { x 1; } location /b { x 1; }",
                         "location /a { x 1; } location /b { x 2; }"),
              "[location /b] ~x 1;=x 2;");
}

TEST(TreeDifference, TakesABlockOfAnotherHeadForAnotherBlock) {
    EXPECT_EQ(difference("location /a { x 1; }", "location /b { x 1; }"),
              "+=location /b { 1 directive } | -location /a { 1 directive }");
}

TEST(TreeDifference, KnowsAServerByItsNamesOrElseByItsAddresses) {
    EXPECT_EQ(difference("server { listen 1; server_name a; } server { listen 1; server_name b; }",
                         "server { listen 2; server_name b; } server { listen 1; server_name a; }"),
              ">server b { 2 directives }=server b { 2 directives } | [server b] ~listen 1;=listen 2;");
    EXPECT_EQ(difference("server { listen 1; server_name a; }", "server { listen 1; server_name c; }"),
              "[server c] ~server_name a;=server_name c;");
}

TEST(TreeDifference, MarksAsFewAsPossibleAsMoved) {
    EXPECT_EQ(difference("deny 1; deny 2; deny 3; allow 4;", "allow 4; deny 1; deny 2; deny 3;"),
              ">allow 4;=allow 4;");
    EXPECT_EQ(difference("deny 1; deny 2; deny 3; deny 4;", "deny 2; deny 3; deny 1; deny 4;"),
              ">deny 1;=deny 1;");
}

TEST(TreeDifference, IgnoresTheOrderOfWhatIsNotAsked) {
    EXPECT_EQ(difference("location /a { } location /b { } set $a 1;",
                         "set $a 1; location /b { } location /a { }"),
              "");
}

TEST(TreeDifference, CountsDuplicates) {
    EXPECT_EQ(difference("a; a; a;", "a; a;"), "-a;");
}

TEST(TreeDifference, ShowsWordsAsTheyWouldBeWritten) {
    const Parsed parsed("a \"b c\" '' \"x\\ny\" ${d};");

    EXPECT_EQ(shown(parsed.tree.directives.front()), "a \"b c\" \"\" \"x\\ny\" \"${d}\";");
}

TEST(TreeDifference, CutsLongTextBetweenLetters) {
    std::string text;
    for (int i = 0; i < 100; ++i) {
        text += "ä";
    }
    const Parsed parsed("a " + text + ";");

    const std::string out = shown(parsed.tree.directives.front());

    EXPECT_LE(out.size(), 170U);
    EXPECT_NE(out.find("ä…;"), std::string::npos) << out;
}

}  // namespace
}  // namespace sluice::conf
