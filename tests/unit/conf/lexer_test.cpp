// SPDX-License-Identifier: BSD-2-Clause
// Words, quotes, escapes and comments, as nginx cuts them.
// Runs in: tests.
#include "conf/lexer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::conf {
namespace {

/// Tokens as text: words in brackets, punctuation as it is, Bad as "!message".
std::string cut(std::string_view text) {
    Lexer lexer(text, 0);
    std::string out;
    for (;;) {
        const Token token = lexer.next();
        switch (token.kind) {
            case TokenKind::Word:
                out += "[" + token.text + "]";
                continue;
            case TokenKind::Semicolon:
                out += ";";
                continue;
            case TokenKind::Open:
                out += "{";
                continue;
            case TokenKind::Close:
                out += "}";
                continue;
            case TokenKind::Bad:
                out += "!" + token.text;
                if (token.is_last) {
                    return out;
                }
                continue;
            case TokenKind::End:
                return out;
        }
    }
}

struct Case {
    const char* text;
    const char* tokens;
};

class Words : public testing::TestWithParam<Case> {};

TEST_P(Words, AreCutAsNginxDoes) {
    EXPECT_EQ(cut(GetParam().text), GetParam().tokens);
}

INSTANTIATE_TEST_SUITE_P(
    Every,
    Words,
    testing::Values(Case{"", ""},
                    Case{" \t\r\n", ""},
                    Case{"a b;", "[a][b];"},
                    Case{"a{b;}", "[a]{[b];}"},
                    Case{"location /foo{}location /bar{}", "[location][/foo]{}[location][/bar]{}"},
                    Case{"a;b;", "[a];[b];"},
                    Case{"a # comment ; {\nb;", "[a][b];"},
                    Case{"a#b;", "[a#b];"},
                    Case{"# only a comment", ""},
                    Case{"'a b' \"c;{}#\";", "[a b][c;{}#];"},
                    Case{"\"a'b\" 'c\"d';", "[a'b][c\"d];"},
                    Case{"\"a\\\"b\" 'c\\'d';", "[a\"b][c'd];"},
                    Case{"\"\" '';", "[][];"},
                    Case{"a\"b\"c;", "[a\"b\"c];"},
                    Case{"a\\ b;", "[a\\ b];"},
                    Case{"\\t\\r\\n\\\\ \\d;", "[\t\r\n\\][\\d];"},
                    Case{"/\\{\\;\\}\\ #\\ ab {", "[/\\{\\;\\}\\ #\\ ab]{"},
                    Case{"a}b;", "[a}b];"},
                    Case{"${name}x $a{", "[${name}x][$a]{"},
                    Case{"x${a b;", "[x${a][b];"},
                    Case{"${ENV:A:-b c;{};", "[${ENV:A:-b c;{}];"},
                    Case{"\"multi\nline\";", "[multi\nline];"},
                    Case{"if ($a = \"b\") {", "[if][($a][=][b][)]{"},
                    Case{"(\"a\"){", "[(\"a\")]{"},
                    Case{"\"a\"b;", "!unexpected \"b\" after a closing quote[b];"},
                    Case{"a \"b;", "[a]!unexpected end of file, no closing \" for this quote"},
                    Case{"a 'b;", "[a]!unexpected end of file, no closing ' for this quote"},
                    Case{"\"a\\", "!unexpected end of file, no closing \" for this quote"},
                    Case{"a\\", "[a\\]"},
                    Case{"${", "[${]"},
                    Case{"${ENV:", "[${ENV:]"}));

TEST(Lexer, CountsLinesAndColumnsFromOne) {
    Lexer lexer("a  bc\n\t'd\ne' f", 7);

    EXPECT_EQ(lexer.next().at, (Position{7, 1, 1}));
    EXPECT_EQ(lexer.next().at, (Position{7, 1, 4}));
    EXPECT_EQ(lexer.next().at, (Position{7, 2, 2}));
    EXPECT_EQ(lexer.next().at, (Position{7, 3, 4}));
    EXPECT_EQ(lexer.next().kind, TokenKind::End);
}

TEST(Lexer, ReportsAnUnclosedQuoteWhereItBegan) {
    Lexer lexer("a\n  \"b\n\nc;", 0);
    (void)lexer.next();

    EXPECT_EQ(lexer.next().at, (Position{0, 2, 3}));
}

TEST(Lexer, LimitsWordsAsNginxDoes) {
    const std::string word(Lexer::kMaxWord, 'x');

    EXPECT_EQ(cut(word + ";"), "[" + word + "];");
    EXPECT_EQ(cut(word + "x;"), "!too long parameter \"xxxxxxxxxx...\" started");
    EXPECT_EQ(cut("'" + word + "x';"),
              "!too long parameter, probably missing terminating \"'\" character");
}

}  // namespace
}  // namespace sluice::conf
