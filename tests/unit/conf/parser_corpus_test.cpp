// SPDX-License-Identifier: BSD-2-Clause
// The parser on configuration trees that others wrote, where they are present beside the project.
// Runs in: tests.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "conf/parser.h"
#include "support/fake_facts.h"

namespace sluice::conf {
namespace {

// tests/run.py runs every program in the project's folder.
std::filesystem::path corpus() {
    return "../shared/corpora/nginx-config";
}

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// What the parser says of one file of the corpus.
struct Parsed {
    FakeFacts facts;
    Arena arena;
    Tree tree;
    Diagnostics diagnostics;

    explicit Parsed(const std::string& name) {
        facts.files["/c/" + name] = bytes_of(corpus() / name);
        Parser(facts, arena, tree, diagnostics).parse("/c/" + name, {});
    }
};

class ParserCorpus : public testing::TestWithParam<std::pair<const char*, std::size_t>> {};

TEST_P(ParserCorpus, HasAsManyTopDirectivesAsItsAuthorsSay) {
    const auto& [name, count] = GetParam();
    if (!std::filesystem::exists(corpus())) {
        GTEST_SKIP() << "skipped: corpora not present";
    }

    Parsed parsed(name);

    EXPECT_EQ(parsed.diagnostics.errors(), 0U)
        << Diagnostics::render(parsed.diagnostics.all().front(), parsed.tree);
    EXPECT_EQ(parsed.tree.directives.size(), count);
}

INSTANTIATE_TEST_SUITE_P(Every,
                         ParserCorpus,
                         testing::Values(std::pair("comments-between-args/nginx.conf", 1U),
                                         std::pair("directive-with-space/nginx.conf", 2U),
                                         std::pair("empty-value-map/nginx.conf", 2U),
                                         std::pair("messy/nginx.conf", 3U),
                                         std::pair("non-unicode/nginx.conf", 1U),
                                         std::pair("quoted-right-brace/nginx.conf", 2U),
                                         std::pair("russian-text/nginx.conf", 2U),
                                         std::pair("simple/nginx.conf", 2U),
                                         std::pair("spelling-mistake/nginx.conf", 2U),
                                         std::pair("with-comments/nginx.conf", 2U)));

TEST(ParserCorpus, NamesTheDirectiveThatLacksItsSemicolon) {
    if (!std::filesystem::exists(corpus())) {
        GTEST_SKIP() << "skipped: corpora not present";
    }

    Parsed parsed("missing-semicolon/broken-below.conf");

    ASSERT_EQ(parsed.diagnostics.errors(), 1U);
    EXPECT_EQ(parsed.diagnostics.all().front().message,
              "directive \"proxy_pass\" is not terminated by \";\"");
    EXPECT_EQ(parsed.tree.directives.size(), 1U);
}

}  // namespace
}  // namespace sluice::conf
