// SPDX-License-Identifier: BSD-2-Clause
// RequiredText: what is read from a pattern, and that it never forbids what the pattern matches.
#include "script/required_text.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "script/regex.h"

namespace sluice::script {
namespace {

struct Words {
    std::string prefix;
    std::string inside;
    friend bool operator==(const Words&, const Words&) = default;
};

Words words_of(std::string_view pattern) {
    const RequiredText required = RequiredText::of(pattern, false);
    return {std::string(required.prefix()), std::string(required.inside())};
}

TEST(RequiredText, IsThePrefixAndTheLongestOtherWord) {
    EXPECT_EQ(words_of("^/blog/(\\d+)/comments$"), (Words{"/blog/", "/comments"}));
    EXPECT_EQ(words_of("^/a\\.b"), (Words{"/a.b", ""}));
    EXPECT_EQ(words_of("\\.php$"), (Words{"", ".php"}));
    EXPECT_EQ(words_of("^/(.*)\\.aspx?$"), (Words{"/", ".asp"}));
    EXPECT_EQ(words_of("^/x/(?<name>[^/]+)/(wp-(admin|content).*)$"), (Words{"/x/", "wp-"}));
    EXPECT_EQ(words_of("^(/[^/]+)?(/wp-.*)"), (Words{"", "/wp-"}));
    EXPECT_EQ(words_of("^ab?c"), (Words{"a", "c"}));
}

TEST(RequiredText, LeavesOutWhatNeedNotBeThere) {
    EXPECT_EQ(words_of("^/a|^/b"), (Words{}));
    EXPECT_EQ(words_of("^/x(long)?"), (Words{"/x", ""}));
    EXPECT_EQ(words_of("^/x(long){0}"), (Words{"/x", ""}));
    EXPECT_EQ(words_of("^/x(long|short)"), (Words{"/x", ""}));
    EXPECT_EQ(words_of("^/x(?!long)"), (Words{"/x", ""}));
    EXPECT_EQ(words_of("^/x(?<=long)"), (Words{"/x", ""}));
    EXPECT_EQ(words_of("^/x[long](?:y)"), (Words{"/x", "y"}));
    EXPECT_EQ(words_of("^a{0}b"), (Words{"", "b"}));
    EXPECT_EQ(words_of("[(]b|c"), (Words{}));
    EXPECT_EQ(words_of("[[:a]x|y[:]b]foo"), (Words{}));
}

TEST(RequiredText, RequiresNothingOfWhatItDoesNotUnderstand) {
    for (const char* const pattern :
         {"(?i)word", "(?x)wo rd", "(?#comment)word", "\\Qword\\E", "\\x41word", "(*UTF)word",
          "\\cxword", "(?(?=a)word)", "(?|word)", "(?R)?word", "(w)\\1ord", "\\p{L}word",
          "wo{rd"}) {
        EXPECT_EQ(words_of(pattern), (Words{})) << pattern;
    }
}

TEST(RequiredText, IgnoresTheCaseOfAPrefixOnlyWhereItDoesNotCount) {
    EXPECT_TRUE(RequiredText::of("^/Blog/", true).allows("/bLOG/1"));
    EXPECT_FALSE(RequiredText::of("^/Blog/", true).allows("/blob/1"));
    EXPECT_FALSE(RequiredText::of("^/Blog/", false).allows("/blog/1"));
    EXPECT_EQ(RequiredText::of("\\.php$", true).inside(), "");
}

TEST(RequiredText, LooksForAWordBehindThePrefix) {
    EXPECT_FALSE(RequiredText::of("^aba(.*)ba", false).allows("aba"));
    EXPECT_TRUE(RequiredText::of("^aba(.*)ba", false).allows("ababa"));
    EXPECT_FALSE(RequiredText::of("^aba", false).allows("ab"));
}

/// Patterns and texts made of few pieces, so that they often nearly match.
class Pieces {
  public:
    std::string pattern() {
        static const std::vector<std::string> kPieces = {
            "a",     "b",           "ab",   "/",    ".",     "a?",   "b*",  "a+",    "[ab]",
            "[^]a]", "[[:alpha:]]", "(",    ")",    "(?:",   "(?=",  "(?!", "|",     "^",
            "$",     "\\.",         "\\d",  "{2}",  "{0,1}", "[(|]", "\\K", "(?<n>", "\\b",
            "?",     "(?>",         "\\\\", "(?<!", "\\n",   "{b"};
        return some_of(kPieces, 1, 8);
    }

    std::string text() {
        static const std::vector<std::string> kPieces = {"a", "b", "/",  ".",  "ab", "(",
                                                         "|", "1", "{b", "\n", "A"};
        return some_of(kPieces, 0, 8);
    }

  private:
    std::string some_of(const std::vector<std::string>& pieces,
                        std::size_t least,
                        std::size_t most) {
        std::string out;
        for (std::size_t left = least + dice_() % (most - least + 1); left > 0; --left) {
            out += pieces[dice_() % pieces.size()];
        }
        return out;
    }

    std::mt19937 dice_{1};
};

TEST(RequiredText, NeverForbidsWhatThePatternMatches) {
    Pieces pieces;
    int compiled = 0;
    int matched = 0;
    int forbidden = 0;
    for (int i = 0; i < 60'000; ++i) {
        const std::string pattern = pieces.pattern();
        // Nothing is required of a pattern with a comment: PCRE2 alone judges.
        const auto plain = Regex::compile(pattern + "(?#)", false);
        if (!plain) {
            continue;
        }
        ++compiled;
        const RequiredText required = RequiredText::of(pattern, false);
        for (int j = 0; j < 12; ++j) {
            const std::string text = pieces.text();
            const bool is_match = plain->match(text);
            const bool is_allowed = required.allows(text);
            matched += is_match ? 1 : 0;
            forbidden += is_allowed ? 0 : 1;
            ASSERT_TRUE(is_allowed || !is_match) << pattern << " on " << text;
        }
    }
    EXPECT_GT(compiled, 5000);
    EXPECT_GT(matched, 5000);
    EXPECT_GT(forbidden, 5000);
}

}  // namespace
}  // namespace sluice::script
