// SPDX-License-Identifier: BSD-2-Clause
// Request targets: what path a client asked for, and what is refused.
// Runs in: tests.
#include "proto/http/uri.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

struct Case {
    std::string_view target;
    std::string_view path;
    std::string_view args;
};

constexpr Case kGood[] = {
    {"/", "/", ""},
    {"/a/b.html?x=1&y", "/a/b.html", "x=1&y"},
    {"/a%20b", "/a b", ""},
    {"/a/./b", "/a/b", ""},
    {"/a/../b", "/b", ""},
    {"/a/b/..", "/a/", ""},
    {"/a/.", "/a/", ""},
    {"//a///b", "/a/b", ""},
    {"/a%2fb", "/a/b", ""},
    {"/a%2F%2e%2E/b", "/b", ""},
    {"/a%3Fb?c", "/a?b", "c"},
    {"/a%23b", "/a#b", ""},
    {"/100%25", "/100%", ""},
    {"/a#frag", "/a", ""},
    {"/a?b#frag", "/a", "b"},
    {"/...", "/...", ""},
    {"/.hidden", "/.hidden", ""},
    {"/a/..b", "/a/..b", ""},
    {"http://h.example/x?y", "/x", "y"},
    {"http://h.example", "/", ""},
    {"http://h.example?q", "/", "q"},
    {"*", "*", ""},
};

TEST(Uri, TakesTargetsApart) {
    for (const Case& c : kGood) {
        Arena arena;

        const auto uri = parse_target(c.target, true, arena);

        ASSERT_TRUE(uri) << c.target;
        EXPECT_EQ(uri->path, c.path) << c.target;
        EXPECT_EQ(uri->args, c.args) << c.target;
    }
}

TEST(Uri, RefusesWhatNginxRefuses) {
    const std::string_view bad[] = {"/..",    "/../a",   "/a/../../b", "/%2e%2e/a", "/%00",
                                    "/a%0",   "/a%",     "/%zz",       "a/b",       "",
                                    "/a\x01", "/a b",    "://host/",   "1h://x",    "http:///x",
                                    "/a\x7f", "/a?b\x01"};
    for (const std::string_view target : bad) {
        Arena arena;
        EXPECT_FALSE(parse_target(target, true, arena)) << target;
    }
}

TEST(Uri, KeepsDoubleSlashesWhereAsked) {
    Arena arena;

    const auto uri = parse_target("/a//b/./c//../d", false, arena);

    ASSERT_TRUE(uri);
    EXPECT_EQ(uri->path, "/a//b/c/d");
}

TEST(Uri, ViewsTheTargetWhenNothingHasToChange) {
    Arena arena;
    const std::string target = "/plain/path.html?q";

    const auto uri = parse_target(target, true, arena);

    ASSERT_TRUE(uri);
    EXPECT_FALSE(uri->is_complex);
    EXPECT_EQ(uri->path.data(), target.data());
    EXPECT_EQ(arena.footprint(), 0U);
}

TEST(Uri, NormalisingIsIdempotentOnItsOwnOutput) {
    Arena arena;
    for (const std::string_view raw : {"/a/b/../c", "/x//y", "/a/%62/./"}) {
        const auto once = normalise_path(raw, true, arena);
        ASSERT_TRUE(once);
        const auto twice = normalise_path(*once, true, arena);
        ASSERT_TRUE(twice);
        EXPECT_EQ(*once, *twice);
    }
}

TEST(Host, IsLoweredAndStripped) {
    Arena arena;
    EXPECT_EQ(*parse_host("Example.COM:8080", arena), "example.com");
    EXPECT_EQ(*parse_host("example.com.", arena), "example.com");
    EXPECT_EQ(*parse_host("[::1]:80", arena), "[::1]");
    EXPECT_EQ(*parse_host("h:65535", arena), "h");
    EXPECT_EQ(*parse_host("h:", arena), "h");
    EXPECT_EQ(*parse_host("[::FFFF:1.2.3.4]", arena), "[::ffff:1.2.3.4]");
    EXPECT_EQ(*parse_host("[v1F.aB:!$&'()*+,;=-._~]:1", arena), "[v1f.ab:!$&'()*+,;=-._~]");
    for (const std::string_view bad :
         {"h:65536", "h:98777", "h:1:2", "h:1.2", "[a..b::1]", "[::1].", "[::1]..", "[::1", "x[::1]",
          "[]", "[v.a]", "[v1]", "[v1.]", "[vg.a]", "[v1.a/b]", "a..b", "..a", ".", "a..:"}) {
        EXPECT_FALSE(parse_host(bad, arena)) << bad;
    }
    EXPECT_EQ(*parse_host("a_b", arena), "a_b");
}

TEST(Host, RefusesWhatIsNone) {
    Arena arena;
    for (const std::string_view bad :
         {"", ".", "a..b", "a/b", "a b", "a:b", "[::1", "[]", "[x]", "a@b", ":80"}) {
        EXPECT_FALSE(parse_host(bad, arena)) << bad;
    }
}

TEST(Escape, LeavesSafeTextAlone) {
    Arena arena;
    EXPECT_EQ(escape("/a/b-c", Escape::Path, arena), "/a/b-c");
    EXPECT_EQ(escape("/a b?", Escape::Path, arena), "/a%20b%3F");
    EXPECT_EQ(escape("a/b", Escape::Component, arena), "a%2Fb");
    EXPECT_EQ(escape("\xc3\xa4\n", Escape::Path, arena), "%C3%A4%0A");
}

}  // namespace
}  // namespace sluice::http
