// SPDX-License-Identifier: BSD-2-Clause
// The handlers as a request meets them: a configuration is compiled with the real registry, an
// exchange without any connection runs its phases over a temporary folder.
#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "event/loop.h"
#include "net/protocol.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "registry/registry.h"
#include "shm/shared_log.h"
#include "support/no_wire.h"
#include "support/one_file.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using http::Field;

struct Sent {
    int status = 0;
    std::string body;
    std::string location;
    std::string type;
    std::string content_range;
    std::string lines;    ///< prepared lines, then added fields
    bool closes = false;
};

struct Asked {
    http::Method method = http::Method::Get;
    std::vector<std::pair<Field, std::string>> fields = {};
    std::string args = {};
};

class HandlersTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "sluice-site-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        auto loop = event::Loop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        auto region = shm::SharedLog::create(1);
        ASSERT_TRUE(region);
        region_.emplace(std::move(*region));
        lanes_.emplace(*region_, SlotId{0}, -1);
        worker_.emplace(*loop_, *lanes_, conf::GenerationRef{});
        for (const http::Module* module : registry::http_modules()) {
            if (module->start_worker != nullptr) {
                module->start_worker(*worker_);
            }
        }
    }
    void TearDown() override {
        for (const http::Module* module : registry::http_modules()) {
            if (module->stop_worker != nullptr) {
                module->stop_worker();
            }
        }
        fs::remove_all(root_);
    }

    void write(const std::string& name, std::string_view bytes) const {
        fs::create_directories((root_ / name).parent_path());
        std::ofstream(root_ / name, std::ios::trunc) << bytes;
    }

    /// Compiles a server with the folder as its root; empty: it worked.
    std::string configure(const std::string& http, const std::string& server = {}) {
        support::OneFile facts("http { " + http + " server { listen 127.0.0.1:80; root " +
                        root_.string() + "; " + server + " } }");
        conf::Compiled compiled = support::compile(facts, GenerationNumber{++number_});
        if (!compiled.generation) {
            return compiled.errors.front().substr(0, compiled.errors.front().find('\n'));
        }
        generation_ = conf::GenerationRef(std::move(compiled.generation));
        return {};
    }

    Sent ask(const std::string& uri, const Asked& asked = {}) {
        http::Exchange exchange(wire_, arena_);
        const http::Port* const port = http::find_port(*generation_, ListenerId{1});
        exchange.generation = generation_;
        exchange.port = port;
        exchange.server = port->default_server;
        exchange.timings.started_wall = UnixSeconds(784'111'777);
        http::Request& request = exchange.request;
        request.method = asked.method;
        request.method_text = "GET";
        request.uri = request.target = uri;
        request.args = asked.args;
        request.host = "a.example";
        std::deque<http::Header> headers;
        for (const auto& [field, value] : asked.fields) {
            headers.push_back({.name = "x", .value = value, .field = field});
            request.known[static_cast<std::size_t>(field)] = &headers.back();
        }
        EXPECT_TRUE(http::run_phases(exchange));
        Sent sent = collect(exchange);
        exchange.end();
        return sent;
    }

    static Sent collect(http::Exchange& exchange) {
        const http::Reply& reply = exchange.reply;
        Sent sent{.status = reply.status,
                  .body = std::string(reply.memory_body),
                  .location = std::string(reply.location),
                  .type = std::string(reply.content_type),
                  .content_range = std::string(reply.content_range),
                  .lines = std::string(reply.prepared_lines),
                  .closes = reply.closes};
        for (const http::ReplyHeader* at = reply.headers; at != nullptr; at = at->next) {
            sent.lines += std::string(at->name) + ": " + std::string(at->value) + "\r\n";
        }
        if (reply.body != nullptr) {
            net::Chain chain;
            while (reply.body->pull(chain, 1 << 20) == http::Pull::More) {
            }
            sent.body = "file:" + std::to_string(chain[0].offset) + "+" + std::to_string(chain.bytes());
        }
        return sent;
    }

    fs::path root_;
    std::uint64_t number_ = 0;
    std::unique_ptr<event::Loop> loop_;
    std::optional<shm::SharedLog> region_;
    std::optional<log::LaneLog> lanes_;
    std::optional<net::WorkerContext> worker_;
    Arena arena_;
    support::NoWire wire_;
    conf::GenerationRef generation_;
};

TEST_F(HandlersTest, ServesAFileWithItsHeadLines) {
    write("a.html", "hello");
    ASSERT_EQ(configure("types { text/html html; }"), "");

    const Sent first = ask("/a.html");
    const Sent second = ask("/a.html");

    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.body, "hello");
    EXPECT_TRUE(first.lines.starts_with("Content-Type: text/html\r\nLast-Modified: ")) << first.lines;
    EXPECT_NE(first.lines.find("-5\"\r\nAccept-Ranges: bytes\r\n"), std::string::npos) << first.lines;
    EXPECT_EQ(first.lines, second.lines);
}

TEST_F(HandlersTest, RendersHeadLinesAnewForAnotherLocationOrGeneration) {
    write("a", "x");
    ASSERT_EQ(configure("default_type text/one;", "location /o/ { alias " + root_.string() +
                                                      "/; default_type text/other; etag off; }"),
              "");
    EXPECT_TRUE(ask("/a").lines.starts_with("Content-Type: text/one\r\n"));
    const Sent other = ask("/o/a");
    EXPECT_TRUE(other.lines.starts_with("Content-Type: text/other\r\n"));
    EXPECT_EQ(other.lines.find("ETag"), std::string::npos);

    ASSERT_EQ(configure("default_type text/two;"), "");
    EXPECT_TRUE(ask("/a").lines.starts_with("Content-Type: text/two\r\n"));
}

TEST_F(HandlersTest, AnswersFilesThatCannotBeServed) {
    write("file", "x");
    fs::create_directories(root_ / "dir");
    ASSERT_EQ(configure(""), "");

    EXPECT_EQ(ask("/none").status, 404);
    EXPECT_EQ(ask("/file/below").status, 404);
    EXPECT_EQ(ask("/" + std::string(300, 'n')).status, 404);
    EXPECT_EQ(ask("/dir/").status, 403);
    EXPECT_EQ(ask("/nodir/").status, 404);
    EXPECT_EQ(ask("/file", {.method = http::Method::Post}).status, 405);
    const Sent put = ask("/file", {.method = http::Method::Put});
    EXPECT_EQ(put.status, 405);
    EXPECT_NE(put.lines.find("Allow: GET, HEAD"), std::string::npos);
}

TEST_F(HandlersTest, RedirectsADirectoryWithoutSlashAndKeepsArguments) {
    fs::create_directories(root_ / "my dir");
    ASSERT_EQ(configure("absolute_redirect off;"), "");

    EXPECT_EQ(ask("/my dir").status, 301);
    EXPECT_EQ(ask("/my dir").location, "/my%20dir/");
    EXPECT_EQ(ask("/my dir", {.args = "a=b"}).location, "/my%20dir/?a=b");
}

TEST_F(HandlersTest, SendsRangesAndConditionals) {
    write("f", "0123456789");
    ASSERT_EQ(configure(""), "");
    const std::string lines = ask("/f").lines;
    const std::size_t at = lines.find("ETag: ") + 6;
    const std::string etag = lines.substr(at, lines.find('\r', at) - at);

    const Sent part = ask("/f", {.fields = {{Field::Range, "bytes=2-4"}}});
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, "234");
    EXPECT_EQ(part.content_range, "bytes 2-4/10");
    const Sent beyond = ask("/f", {.fields = {{Field::Range, "bytes=10-"}}});
    EXPECT_EQ(beyond.status, 416);
    EXPECT_EQ(beyond.content_range, "bytes */10");
    EXPECT_EQ(ask("/f", {.fields = {{Field::IfNoneMatch, etag}}}).status, 304);
    EXPECT_EQ(ask("/f", {.fields = {{Field::IfMatch, "\"other\""}}}).status, 412);
    EXPECT_EQ(ask("/f", {.fields = {{Field::Range, "bytes=0-0"}, {Field::IfRange, etag}}}).status, 206);
    EXPECT_EQ(ask("/f", {.fields = {{Field::Range, "bytes=0-0"}, {Field::IfRange, "\"o\""}}}).status, 200);
    EXPECT_EQ(ask("/f", {.method = http::Method::Head, .fields = {{Field::Range, "bytes=0-0"}}}).status, 206);
}

TEST_F(HandlersTest, SendsLargeAndEmptyFiles) {
    write("large", std::string(20'000, 'l'));
    write("empty", "");
    fs::resize_file(root_ / "large", 5'000'000'000);
    ASSERT_EQ(configure(""), "");

    EXPECT_EQ(ask("/large", {.fields = {{Field::Range, "bytes=4000000000-4000000009"}}}).body,
              "file:4000000000+10");
    EXPECT_EQ(ask("/empty").status, 200);
    EXPECT_EQ(ask("/empty").body, "");
}

TEST_F(HandlersTest, FindsTheIndexInOrder) {
    write("a/index.htm", "htm");
    write("b/index.html", "html");
    write("b/index.htm", "htm");
    write("fallback", "fallback");
    ASSERT_EQ(configure("index index.html index.htm;",
                        "location /c { index none /fallback; }"), "");
    fs::create_directories(root_ / "c");

    EXPECT_EQ(ask("/a/").body, "htm");
    EXPECT_EQ(ask("/b/").body, "html");
    EXPECT_EQ(ask("/c/").body, "fallback");
}

TEST_F(HandlersTest, IndexIsIndexHtmlByDefault) {
    write("index.html", "front");
    ASSERT_EQ(configure(""), "");

    EXPECT_EQ(ask("/").body, "front");
}

TEST_F(HandlersTest, TriesFilesThenTheLast) {
    write("there.html", "there");
    write("d/index.html", "d's index");
    write("app", "app");
    ASSERT_EQ(configure("absolute_redirect off;",
                        "location / { try_files $uri $uri.html $uri/ /app?q=$uri; }"
                        "location /coded { try_files $uri =410; }"
                        "location /named { try_files $uri @other; }"
                        "location @other { return 200 other; }"),
              "");

    EXPECT_EQ(ask("/there").body, "there");
    EXPECT_EQ(ask("/d/").body, "d's index");
    EXPECT_EQ(ask("/d").location, "/d/");
    EXPECT_EQ(ask("/missing").body, "app");
    EXPECT_EQ(ask("/coded").status, 410);
    EXPECT_EQ(ask("/named").body, "other");
}

TEST_F(HandlersTest, TriesFilesBelowAnAlias) {
    write("store/x.png", "picture");
    write("store/default.png", "default");
    ASSERT_EQ(configure("", "location /img/ { alias " + root_.string() +
                                "/store/; try_files $uri /img/default.png; }"),
              "");

    EXPECT_EQ(ask("/img/x.png").body, "picture");
    EXPECT_EQ(ask("/img/y.png").body, "default");
}

TEST_F(HandlersTest, TryFilesDoesNotClimbOutOfTheRoot) {
    write("web/a", "a");
    write("secret", "secret");
    ASSERT_EQ(configure("", "location / { root " + root_.string() +
                                "/web; try_files /$arg_f =404; }"),
              "");

    EXPECT_EQ(ask("/", {.args = "f=a"}).body, "a");
    EXPECT_EQ(ask("/", {.args = "f=../secret"}).status, 404);
}

TEST_F(HandlersTest, ReturnsTextRedirectsAndStatuses) {
    ASSERT_EQ(configure("absolute_redirect off; default_type text/plain;",
                        "error_page 404 /page; location = /page { return 200 page; }"
                        "location = /text { return 418 \"short and $uri\"; }"
                        "location = /moved { return 301 /new$uri; }"
                        "location = /url { return https://b.example$uri; }"
                        "location = /gone { return 404; }"
                        "location = /gone-text { return 404 text; }"
                        "location = /quiet { return 444; }"
                        "location = /empty { return 204; }"),
              "");

    EXPECT_EQ(ask("/text").status, 418);
    EXPECT_EQ(ask("/text").body, "short and /text");
    EXPECT_EQ(ask("/text").type, "text/plain");
    EXPECT_EQ(ask("/moved").status, 301);
    EXPECT_EQ(ask("/moved").location, "/new/moved");
    EXPECT_EQ(ask("/url").status, 302);
    EXPECT_EQ(ask("/url").location, "https://b.example/url");
    EXPECT_EQ(ask("/gone").body, "page");
    EXPECT_EQ(ask("/gone").status, 404);
    EXPECT_EQ(ask("/gone-text").body, "text");
    EXPECT_EQ(ask("/quiet").status, 444);
    EXPECT_TRUE(ask("/quiet").closes);
    EXPECT_EQ(ask("/empty").status, 204);
    EXPECT_EQ(ask("/empty").type, "");
}

TEST_F(HandlersTest, ServerLevelReturnAnswersBeforeAnyLocation) {
    ASSERT_EQ(configure("", "return 200 server; location / { return 200 location; }"), "");

    EXPECT_EQ(ask("/x").body, "server");
}

TEST_F(HandlersTest, AddsHeadersByStatusAndInheritsThemAsAWhole) {
    write("f", "x");
    ASSERT_EQ(configure("add_header X-Http h;",
                        "add_header X-Always a always; add_header X-Good g; expires 1h;"
                        "location /own/ { alias " + root_.string() + "/; add_header ETag \"\"; expires off; }"),
              "");

    const std::string good = ask("/f").lines;
    EXPECT_NE(good.find("X-Always: a\r\nX-Good: g\r\n"), std::string::npos) << good;
    EXPECT_EQ(good.find("X-Http"), std::string::npos);
    EXPECT_NE(good.find("Expires: Sun, 06 Nov 1994 09:49:37 GMT\r\nCache-Control: max-age=3600\r\n"),
              std::string::npos) << good;
    EXPECT_EQ(ask("/none").lines, "X-Always: a\r\n");
    const std::string own = ask("/own/f").lines;
    EXPECT_EQ(own.find("ETag"), std::string::npos);
    EXPECT_NE(own.find("Accept-Ranges"), std::string::npos);
    EXPECT_EQ(own.find("Expires"), std::string::npos);
}

TEST_F(HandlersTest, RefusesBrokenDirectives) {
    const auto refusal = [this](const std::string& text) {
        const std::string error = configure("", text);
        return error.substr(0, error.find(" in /"));
    };

    EXPECT_EQ(refusal("return 99;"), "invalid return code \"99\"");
    EXPECT_EQ(refusal("return /x;"), "invalid return code \"/x\"");
    EXPECT_EQ(refusal("return 200 $nope;"), "unknown \"nope\" variable");
    EXPECT_EQ(refusal("try_files $uri =x;"), "invalid code \"x\"");
    EXPECT_EQ(refusal("expires soon;"), "invalid value \"soon\" in \"expires\" directive");
    EXPECT_EQ(refusal("add_header Content-Length 1;"),
              "invalid value \"Content-Length\" in \"add_header\" directive");
    EXPECT_EQ(refusal("access_log /x nope;"), "unknown log format \"nope\"");
    EXPECT_EQ(refusal("open_file_cache inactive=5s;"),
              "\"open_file_cache\" must have the \"max\" parameter");
}

TEST_F(HandlersTest, DeclaresTheSinksOfAccessLogs) {
    ASSERT_EQ(configure("log_format mine escape=json '{\"u\":\"$uri\"}';",
                        "access_log logs/a.log mine if=$arg_log; access_log /dev/stdout combined;"),
              "");

    std::vector<std::string_view> targets;
    for (const conf::SinkSpec& sink : generation_->sinks()) {
        targets.push_back(sink.target);
    }
    EXPECT_EQ(std::ranges::count(targets, "/p/logs/a.log"), 1);
    EXPECT_EQ(std::ranges::count(targets, "/dev/stdout"), 1);
}

}  // namespace
}  // namespace sluice
