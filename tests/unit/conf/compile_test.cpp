// SPDX-License-Identifier: BSD-2-Clause
// Compiling: rows, inheritance, defaults, and the message of every kind of mistake.
// Runs in: tests.
#include <array>

#include <gtest/gtest.h>

#include "conf/bundle.h"
#include "conf/explain.h"
#include "conf/generation.h"
#include "conf/process_conf.h"
#include "conf/row.h"
#include "support/fake_facts.h"

namespace sluice::conf {
namespace {

struct DemoConf {
    Setting<std::string_view> root;
    Setting<bool> sendfile;
    Setting<Millis> timeout;
    Setting<Bytes> size;
    std::vector<Level*> servers;
};

bool open_http(Build& build, const Directive& directive, DemoConf&) {
    return build.run_block(directive, build.open_level(kHttp, directive));
}

bool open_server(Build& build, const Directive& directive, DemoConf& http) {
    Level& level = build.open_level(kServer, directive);
    http.servers.push_back(&level);
    return build.run_block(directive, level);
}

constexpr Row kDemoRows[] = {
    block<DemoConf, &open_http>("http", kMain, take(0), "HTTP."),
    block<DemoConf, &open_server>("server", kHttp, take(0), "A server."),
    row<&DemoConf::root>("root", kAnyHttp, take(1), "Root.").defaults("html"),
    row<&DemoConf::sendfile>("sendfile", kAnyHttp, flag(), "Sendfile.")
        .defaults("off")
        .better("on"),
    row<&DemoConf::timeout>("timeout", kAnyHttp, take(1), "Timeout.").defaults("60s"),
    row<&DemoConf::size>("size", kAnyHttp, take(1), "Size.").defaults("1m"),
};
constexpr ConfKind kDemoKind = kind<DemoConf>("demo", kDemoRows);
constexpr Module kDemo{"demo", &kDemoKind};

struct Reading {
    FakeFacts facts;
    Compiled compiled;

    explicit Reading(std::string text, std::string globals = {}) {
        facts.files["/c/sluice.conf"] = std::move(text);
        facts.files["/c/l/loop"] = "include l/*;";
        again(std::move(globals));
    }

    void again(std::string globals = {}) {
        static constexpr std::array<const Module*, 2> kModules = {&kProcessModule, &kDemo};
        compiled = compile(facts, {.main_file = "/c/sluice.conf",
                                   .globals = std::move(globals),
                                   .number = GenerationNumber{1},
                                   .modules = kModules});
    }

    [[nodiscard]] std::string first_error() const {
        return compiled.errors.empty() ? "" : compiled.errors.front();
    }

    [[nodiscard]] DemoConf& server(std::size_t i = 0) const {
        return compiled.generation->find_level(kServer, i)->conf<DemoConf>();
    }
};

TEST(Compile, InheritsDownwardsUnlessSet) {
    Reading reading("http { root /a; timeout 1m30s; server { size 8k; } server { root /b; } }");

    ASSERT_TRUE(reading.compiled.generation) << reading.first_error();
    EXPECT_EQ(*reading.server(0).root, "/a");
    EXPECT_EQ(*reading.server(0).timeout, Millis(90'000));
    EXPECT_EQ(*reading.server(0).size, Bytes{8192});
    EXPECT_EQ(*reading.server(1).root, "/b");
    EXPECT_EQ(*reading.server(1).size, Bytes{1 << 20});
    EXPECT_FALSE(reading.server(0).root.is_set);
}

TEST(Compile, CompatGivesNginxDefaultsWhereverItStands) {
    Reading better("http { server { } }");
    Reading compat("http { server { } } compat nginx;");
    Reading global("http { server { } }", "compat nginx;");

    EXPECT_TRUE(*better.server().sendfile);
    EXPECT_FALSE(*compat.server().sendfile);
    EXPECT_FALSE(*global.server().sendfile);
    EXPECT_EQ(*process_conf(*better.compiled.generation).worker_processes, 3U);
    EXPECT_EQ(*process_conf(*compat.compiled.generation).worker_processes, 1U);
    EXPECT_EQ(*process_conf(*compat.compiled.generation).reload_mode, ReloadMode::Replace);
}

struct Mistake {
    const char* text;
    const char* message;
};

class CompileMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(CompileMistakes, IsReportedWithItsPlace) {
    Reading reading(GetParam().text);

    EXPECT_FALSE(reading.compiled.generation);
    EXPECT_NE(reading.first_error().find(GetParam().message), std::string::npos)
        << reading.first_error();
}

INSTANTIATE_TEST_SUITE_P(
    Every,
    CompileMistakes,
    testing::Values(
        Mistake{"http {\n  rot /a;\n}", "unknown directive \"rot\" in /c/sluice.conf:2:3"},
        Mistake{"http { rot /a; }", "did you mean \"root\"?"},
        Mistake{"root /a;", "\"root\" directive is not allowed here in /c/sluice.conf:1:1"},
        Mistake{"http { root; }", "invalid number of arguments in \"root\" directive"},
        Mistake{"http { root a b; }", "expected 1 argument, not 2"},
        Mistake{"http { root a; root b; }", "\"root\" directive is duplicate"},
        Mistake{"http { sendfile maybe; }",
                "invalid value \"maybe\" in \"sendfile\" directive, it must be \"on\" or \"off\""},
        Mistake{"http { timeout 5x; }",
                "\"timeout\" directive invalid value \"5x\" in /c/sluice.conf:1:16"},
        Mistake{"http { size 9999999999999g; }", "\"size\" directive invalid value"},
        Mistake{"worker_rlimit_nofile x;",
                "\"worker_rlimit_nofile\" directive invalid number \"x\""},
        Mistake{"\n http { server { ", "expecting \"}\" in /c/sluice.conf:2:16"},
        Mistake{"http { } }", "unexpected \"}\""},
        Mistake{"http { root /a }", "directive \"root\" is not terminated by \";\""},
        Mistake{"http { root /a", "expecting"},
        Mistake{"http { root \"/a; }", "no closing \" for this quote"},
        Mistake{"http { root \"/a\"b; }", "after a closing quote"},
        Mistake{"root { }", "not allowed here"},
        Mistake{"http;", "directive \"http\" has no opening \"{\""},
        Mistake{"http { root /a { } }", "directive \"root\" is not terminated by \";\""},
        Mistake{"include missing.conf;",
                "open() \"/c/missing.conf\" failed (2: No such file or directory)"},
        Mistake{"include sluice.conf;", "\"/c/sluice.conf\" includes itself in /c/sluice.conf:1:9"},
        Mistake{"http { root ${ENV:NOPE}; }", "environment variable \"NOPE\" is not set"},
        Mistake{"proxy_pass x;", "it is one of nginx's that this version does not have"},
        Mistake{"worker_processes 0;", "invalid value \"0\""},
        Mistake{"user nobody-here;", "getpwnam(\"nobody-here\") failed"},
        Mistake{"events { worker_connections 0; }", "invalid value"},
        Mistake{"worker_connections 5;", "not allowed here"},
        Mistake{"compat apache;", "invalid value \"apache\""},
        Mistake{"events { } events { }",
                "\"events\" directive is duplicate in /c/sluice.conf:1:12"},
        Mistake{"include { }", "directive \"include\" is not terminated by \";\""},
        Mistake{"include a b;", "invalid number of arguments in \"include\" directive"},
        Mistake{"include l/loop*;", "\"/c/l/loop\" includes itself in /c/l/loop:1:9"},
        Mistake{"http {\n root /a\n size 8k;\n}", "is the \";\" missing on line 2?"},
        Mistake{"http { gzip; }", "invalid number of arguments in \"gzip\" directive"},
        Mistake{"http { gzip on { } }", "directive \"gzip\" is not terminated by \";\""},
        Mistake{"http { root ${ENV:A\n; }", "the closing bracket in"},
        Mistake{"{ }", "unexpected \"{\""},
        Mistake{";", "unexpected \";\""}));

TEST(Compile, ReportsAllErrorsOfARun) {
    Reading reading("foo 1;\nhttp { bar; root; root \"a\"b; root ${ENV:NO}; size 1 }\nbaz;");

    EXPECT_EQ(reading.compiled.errors.size(), 7U);
}

TEST(Compile, CountsTheErrorsThatItDoesNotShow) {
    std::string text;
    for (int i = 0; i < 300; ++i) {
        text += "foo;\n";
    }

    Reading reading(text);

    ASSERT_EQ(reading.compiled.errors.size(), Diagnostics::kMax + 1);
    EXPECT_EQ(reading.compiled.errors.back(), "and 100 more errors and warnings");
}

TEST(Compile, StopsAtIncludesThatDouble) {
    Reading reading("include a;");
    reading.facts.files["/c/a"] = "include b; include b;";
    reading.facts.files["/c/b"] = "include a; include a;";

    reading.again();

    ASSERT_EQ(reading.compiled.errors.size(), 1U);
    EXPECT_NE(reading.first_error().find("\"/c/a\" includes itself in /c/b:1:9"),
              std::string::npos);
}

TEST(Compile, WantsASemicolonAfterGlobals) {
    Reading with("", " worker_processes 7; # seven\n");
    Reading without("", "worker_processes 7");

    ASSERT_TRUE(with.compiled.generation) << with.first_error();
    EXPECT_EQ(*process_conf(*with.compiled.generation).worker_processes, 7U);
    EXPECT_NE(without.first_error().find(
                  "unexpected end of parameter, expecting \";\" in command line:1:1"),
              std::string::npos);
}

TEST(Compile, DrawsACaretUnderTheArgument) {
    Reading reading("http {\n\tsendfile perhaps;\n}");

    EXPECT_NE(reading.first_error().find("\n    \tsendfile perhaps;\n    \t         ^~~~~~~"),
              std::string::npos)
        << reading.first_error();
}

TEST(Compile, IncludesInOrderOfNames) {
    Reading reading("http { include d/*; }");
    reading.facts.files["/c/d/1.conf"] = "server { root /1; }";
    reading.facts.files["/c/d/2.conf"] = "server { root /2; }";

    reading.again();

    EXPECT_EQ(*reading.server(0).root, "/1");
    EXPECT_EQ(*reading.server(1).root, "/2");
}

TEST(Compile, ExpandsTheEnvironment) {
    Reading reading("http { root /${ENV:A}/${ENV:B:-b}; server { } }");
    reading.facts.environment["A"] = "a";

    reading.again();

    ASSERT_TRUE(reading.compiled.generation) << reading.first_error();
    EXPECT_EQ(*reading.server().root, "/a/b");
}

TEST(Compile, WarnsOnceOfADirectiveWithoutEffect) {
    Reading reading("http { gzip on; server { gzip off; server_names_hash_max_size 5; } }");
    EXPECT_FALSE(reading.compiled.generation);  // server_names_hash_max_size belongs to http

    Reading good("http { gzip on; server { gzip off; } }");
    ASSERT_TRUE(good.compiled.generation);
    ASSERT_EQ(good.compiled.warnings.size(), 1U);
    EXPECT_NE(good.compiled.warnings[0].find("\"gzip\" has no effect"), std::string::npos);
}

TEST(Compile, ReplayOfTheBundleGivesTheSameGeneration) {
    FakeFacts live;
    live.files["/c/sluice.conf"] = "user www; http { include d/*; root ${ENV:R}; }";
    live.files["/c/d/1.conf"] = "server { size 3; }";
    live.environment["R"] = "/r";
    Recorder recorder(live);
    static constexpr std::array<const Module*, 2> kModules = {&kProcessModule, &kDemo};
    CompileOptions options{.main_file = "/c/sluice.conf",
                           .globals = {},
                           .number = GenerationNumber{7},
                           .modules = kModules};
    const Compiled first = compile(recorder, options);
    ASSERT_TRUE(first.generation);
    const int asked = live.questions;

    const std::string bytes =
        recorder.serialize({.generation = options.number, .main_file = options.main_file});
    Result<Replay> replay = Replay::open(bytes);
    ASSERT_TRUE(replay);
    const Compiled second = compile(*replay, options);

    ASSERT_TRUE(second.generation);
    EXPECT_EQ(live.questions, asked);
    EXPECT_EQ(process_conf(*second.generation).user->account, (Account{33, 34}));
    EXPECT_EQ(*second.generation->find_level(kServer, 0)->conf<DemoConf>().root, "/r");
    EXPECT_EQ(strongest_change(*first.generation, *second.generation), Applies::InPlace);
}

TEST(Bundle, EveryTruncationIsRefused) {
    FakeFacts live;
    live.files["/c/sluice.conf"] = "";
    Recorder recorder(live);
    (void)recorder.file("/c/sluice.conf");
    (void)recorder.env("A");
    const std::string bytes =
        recorder.serialize({.generation = GenerationNumber{1}, .main_file = "/c/x"});

    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(Replay::open(std::span(bytes.data(), size))) << size;
    }
    EXPECT_TRUE(Replay::open(bytes));
}

TEST(Reload, TheStrongestChangeDecides) {
    Reading one("worker_processes 2; events { worker_connections 10; }");
    Reading more("worker_processes 3; events { worker_connections 20; }");
    Reading user("user www; worker_processes 2;");
    Reading pid("user www; pid /x;");

    const auto change = [](const Reading& a, const Reading& b) {
        return strongest_change(*a.compiled.generation, *b.compiled.generation);
    };
    EXPECT_EQ(change(one, more), Applies::InPlace);
    EXPECT_EQ(change(one, user), Applies::Replace);
    EXPECT_EQ(change(one, pid), Applies::Restart);
    EXPECT_EQ(change(Reading(""), Reading("daemon off; worker_priority 0;")), Applies::InPlace);
    EXPECT_EQ(change(Reading(""), Reading("daemon on;")), Applies::Restart);
    EXPECT_EQ(change(Reading("daemon off;"), Reading("daemon off; compat nginx;")),
              Applies::Replace);
}

TEST(Explain, KnowsRowsAcceptedOnesAndNeighbours) {
    static constexpr std::array<const Module*, 2> kModules = {&kProcessModule, &kDemo};

    EXPECT_NE(explain(kModules, "sendfile").text.find("default:  on (with `compat nginx;`: off)"),
              std::string::npos);
    EXPECT_TRUE(explain(kModules, "gzip").is_known);
    EXPECT_NE(explain(kModules, "sendfiel").text.find("did you mean \"sendfile\""),
              std::string::npos);
    EXPECT_FALSE(explain(kModules, "proxy_pass").is_known);
}

}  // namespace
}  // namespace sluice::conf
