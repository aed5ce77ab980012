// SPDX-License-Identifier: BSD-2-Clause
// Servers, locations, error pages and redirects, from the configuration's text to the reply.
// Runs in: tests.
#include <gtest/gtest.h>

#include "proto/http/variables.h"
#include "site_fixture.h"

namespace sluice::http {
namespace {

std::string reached(SiteFixture& site, std::string_view uri, std::string_view host = "") {
    return LooseExchange(site, uri, host).body();
}

TEST(ServerNames, FollowNginxPrecedence) {
    SiteFixture site(R"(http {
        server { listen 80; server_name first; }
        server { listen 80; server_name ~^w\d+\.example\.org$; }
        server { listen 80; server_name www.*; }
        server { listen 80; server_name *.example.org; }
        server { listen 80; server_name *.deep.example.org; }
        server { listen 80; server_name w1.example.org; }
        server { listen 80; server_name .dot.net; }
        server { listen 80; server_name ""; }
    })");
    ASSERT_EQ(site.complaints(), "");

    EXPECT_EQ(reached(site, "/", "w1.example.org"), "w1.example.org||/");
    EXPECT_EQ(reached(site, "/", "w2.example.org"), "*.example.org||/");
    EXPECT_EQ(reached(site, "/", "a.deep.example.org"), "*.deep.example.org||/");
    EXPECT_EQ(reached(site, "/", "www.example.com"), "www.*||/");
    EXPECT_EQ(reached(site, "/", "dot.net"), "dot.net||/");
    EXPECT_EQ(reached(site, "/", "x.dot.net"), "dot.net||/");
    EXPECT_EQ(reached(site, "/", "unknown"), "first||/");
    EXPECT_EQ(reached(site, "/", ""), "||/");
}

TEST(ServerNames, DefaultServerIsTheMarkedOne) {
    SiteFixture site(R"(http {
        server { listen 80; server_name a; }
        server { listen 80 default_server; server_name b; }
    })");

    EXPECT_EQ(reached(site, "/", "nobody"), "b||/");
}

TEST(ServerNames, PatternsFillCaptures) {
    SiteFixture site(R"(http { server { listen 80; server_name ~^(\w+)\.(?<zone>x)$; } })");
    LooseExchange loose(site, "/", "abc.x");

    const auto pattern = site.port("0.0.0.0:80")->names->patterns[0].pattern;
    ASSERT_TRUE(keep_captures(loose.exchange, *pattern, loose.exchange.request.host));
    ASSERT_EQ(loose.exchange.captures.groups.size(), 3U);
    EXPECT_EQ(loose.exchange.captures.groups[1], "abc");
    EXPECT_EQ(loose.exchange.variables[0], "x");
}

TEST(Locations, FollowNginxPrecedence) {
    SiteFixture site(R"(http { server { listen 80; server_name s;
        location = / { }
        location / { }
        location /documents/ { }
        location ^~ /images/ { }
        location ~* \.(gif|jpg|jpeg)$ { }
        location ~ \.GIF$ { }
        location = /documents/exact.gif { }
        location /outer/ { location /outer/inner/ { } location ~ \.php$ { } }
    } })");
    ASSERT_EQ(site.complaints(), "");

    EXPECT_EQ(reached(site, "/"), "s|/|/");
    EXPECT_EQ(reached(site, "/index.html"), "s|/|/index.html");
    EXPECT_EQ(reached(site, "/documents/d.html"), "s|/documents/|/documents/d.html");
    EXPECT_EQ(reached(site, "/images/1.gif"), "s|/images/|/images/1.gif");
    EXPECT_EQ(reached(site, "/documents/1.jpg"), "s|\\.(gif|jpg|jpeg)$|/documents/1.jpg");
    EXPECT_EQ(reached(site, "/a.GIF"), "s|\\.(gif|jpg|jpeg)$|/a.GIF");
    EXPECT_EQ(reached(site, "/documents/exact.gif"), "s|/documents/exact.gif|/documents/exact.gif");
    EXPECT_EQ(reached(site, "/outer/x"), "s|/outer/|/outer/x");
    EXPECT_EQ(reached(site, "/outer/inner/x"), "s|/outer/inner/|/outer/inner/x");
    EXPECT_EQ(reached(site, "/outer/inner/x.php"), "s|\\.php$|/outer/inner/x.php");
    EXPECT_EQ(reached(site, "/outer/inner/x.jpg"), "s|\\.(gif|jpg|jpeg)$|/outer/inner/x.jpg");
}

TEST(Locations, LongestPrefixIsFoundBesideOthersThatSortAfterIt) {
    SiteFixture site(R"(http { server { listen 80; server_name s;
        location /a { } location /ab { } location /abc/d { } location /abd { }
    } })");

    EXPECT_EQ(reached(site, "/abcz"), "s|/ab|/abcz");
    EXPECT_EQ(reached(site, "/abc/e"), "s|/ab|/abc/e");
    EXPECT_EQ(reached(site, "/az"), "s|/a|/az");
    EXPECT_EQ(reached(site, "/b"), "s||/b");
}

TEST(ErrorPages, AnswerWithTheOldOrTheNewStatus) {
    SiteFixture site(R"(http { server { listen 80; server_name s;
        error_page 404 /404.html;
        location /same/ { error_page 404 = /found; }
        location /other/ { error_page 404 =410 /gone; }
        location /named/ { error_page 404 @fallback; }
        location /url/ { error_page 404 http://elsewhere/x; }
        location @fallback { }
    } })");
    ASSERT_EQ(site.complaints(), "");
    const auto status_and_body = [&site](std::string_view uri) {
        LooseExchange loose(site, uri);
        const std::string body = loose.body();
        return std::to_string(loose.exchange.reply.status) + " " + body;
    };

    EXPECT_EQ(status_and_body("/missing"), "404 s||/404.html");
    EXPECT_EQ(status_and_body("/same/missing"), "200 s||/found");
    EXPECT_EQ(status_and_body("/other/missing"), "410 s||/gone");
    EXPECT_EQ(status_and_body("/named/missing"), "404 s|@fallback|/named/missing");
    LooseExchange url(site, "/url/missing");
    static_cast<void>(url.body());
    EXPECT_EQ(url.exchange.reply.status, 302);
    EXPECT_EQ(url.exchange.reply.location, "http://elsewhere/x");
}

TEST(ErrorPages, APageThatIsMissingItselfGetsTheBuiltInOne) {
    SiteFixture site("http { server { listen 80; error_page 404 /missing.html; } }");
    LooseExchange loose(site, "/missing");

    const std::string body = loose.body();

    EXPECT_EQ(loose.exchange.reply.status, 404);
    EXPECT_NE(body.find("<h1>404 Not Found</h1>"), body.npos);
    EXPECT_EQ(body.find("sluice/"), body.npos) << "server_tokens is off by default";
}

TEST(Phases, ElevenRedirectsAreACycle) {
    SiteFixture site("http { server { listen 80; } }");
    LooseExchange loose(site, "/loop");

    static_cast<void>(loose.body());

    EXPECT_EQ(loose.exchange.reply.status, 500);
}

TEST(Phases, ACycleIsAnErrorOncePerMinute) {
    SiteFixture site("http { server { listen 80; } }");
    log::RateLimit& trouble = site.port("0.0.0.0:80")->default_server->trouble;

    static_cast<void>(LooseExchange(site, "/loop").body());
    EXPECT_FALSE(trouble.ask(Millis(0)).has_value());
    EXPECT_TRUE(trouble.ask(Millis(60'000)).has_value());
}

TEST(Phases, InternalLocationsAnswerRedirectsOnly) {
    SiteFixture site(R"(http { server { listen 80; server_name s;
        location /hidden { internal; location /hidden/too { } }
        location /go { error_page 404 = /hidden; }
    } })");

    LooseExchange direct(site, "/hidden");
    static_cast<void>(direct.body());
    EXPECT_EQ(direct.exchange.reply.status, 404);
    EXPECT_EQ(reached(site, "/go/missing"), "s|/hidden|/hidden");
    LooseExchange nested(site, "/hidden/too");
    static_cast<void>(nested.body());
    EXPECT_EQ(nested.exchange.reply.status, 404);
}

TEST(Phases, TooLargeABodyIs413) {
    SiteFixture site("http { server { listen 80; client_max_body_size 10; } }");
    LooseExchange loose(site, "/");
    loose.exchange.request.content_length = 11;

    static_cast<void>(loose.body());

    EXPECT_EQ(loose.exchange.reply.status, 413);
    EXPECT_TRUE(loose.exchange.reply.closes);
}

TEST(Redirects, BecomeAbsoluteAsAsked) {
    const auto location = [](std::string_view settings) {
        SiteFixture site("http { server { listen 8080; server_name s.example; " +
                         std::string(settings) + " } }");
        LooseExchange loose(site, "/x", "h.example", "0.0.0.0:8080");
        loose.exchange.location = loose.exchange.server->root;
        loose.exchange.reply.location = "/x/";
        loose.exchange.cursor.phase = Phase::Head;
        loose.exchange.reply.status = 301;
        static_cast<void>(run_phases(loose.exchange));
        return std::string(loose.exchange.reply.location);
    };

    EXPECT_EQ(location(""), "http://h.example:8080/x/");
    EXPECT_EQ(location("port_in_redirect off;"), "http://h.example/x/");
    EXPECT_EQ(location("server_name_in_redirect on;"), "http://s.example:8080/x/");
    EXPECT_EQ(location("absolute_redirect off;"), "/x/");
}

TEST(FilePath, FollowsRootAndAlias) {
    SiteFixture site(R"(http { root /srv/www/; server { listen 80;
        location /img/ { alias /data/pictures/; }
        location ~ ^/u/(\w+)/ { alias /home/$1/; }
        location /rel { root html; }
        location /var { root /v/$host; }
    } })");
    ASSERT_EQ(site.complaints(), "");
    const auto path = [&site](std::string_view uri) {
        LooseExchange loose(site, uri, "h");
        static_cast<void>(loose.body());
        return std::string(file_path(loose.exchange));
    };

    EXPECT_EQ(path("/a.html"), "/srv/www/a.html");
    EXPECT_EQ(path("/img/x.png"), "/data/pictures/x.png");
    EXPECT_EQ(path("/u/eve/"), "/home/eve/");
    EXPECT_EQ(path("/rel/x"), "/p/html/rel/x");
    EXPECT_EQ(path("/var/x"), "/v/h/var/x");
}

TEST(ContentType, ComesFromTypesOrTheDefault) {
    SiteFixture site(
        "http { types { text/css css; image/x-a A aa; } default_type x/y; server { listen 80; } }");
    const CoreConf& core = *site.port("0.0.0.0:80")->default_server->root->core;

    EXPECT_EQ(content_type_of(core, "/a.CSS"), "text/css");
    EXPECT_EQ(content_type_of(core, "/a.b.aa"), "image/x-a");
    EXPECT_EQ(content_type_of(core, "/a.a"), "image/x-a");
    EXPECT_EQ(content_type_of(core, "/dir.css/file"), "x/y");
    EXPECT_EQ(content_type_of(core, "/a.html"), "x/y") << "a types block replaces the built-in one";
}

TEST(Configuration, HasARootAndTypesWhereNoneAreGiven) {
    SiteFixture site("http { server { listen 80; } }");
    LooseExchange loose(site, "/a.html");
    static_cast<void>(loose.body());

    EXPECT_EQ(file_path(loose.exchange), "/p/html/a.html");
    EXPECT_EQ(content_type_of(*loose.exchange.location->core, "/a.html"), "text/html");
}

TEST(Configuration, NamesItsMistakes) {
    const struct {
        std::string_view text;
        std::string_view complaint;
    } cases[] = {
        {"http { server { listen 80; listen 80; } }", "a duplicate listen 0.0.0.0:80"},
        {"http { server { listen 80 default_server; } server { listen 80 default_server; } }",
         "a duplicate default server for 0.0.0.0:80"},
        {"http { server { listen 80; server_name x; } server { listen 80; server_name x; } }",
         "conflicting server name \"x\" on 0.0.0.0:80, ignored"},
        {"http { server { listen 80; location /a { } location /a { } } }",
         "duplicate location \"/a\""},
        {"http { server { listen 80 ssl; } }", "the \"ssl\" parameter"},
        {"http { server { listen 80 nonsense; } }", "invalid parameter \"nonsense\""},
        {"http { server { listen 70000; } }", "invalid port"},
        {"http { server { listen 80; location ~ ( { } } }", "pcre2_compile() failed"},
        {"http { server { listen 80; location /a { location /b { } } } }",
         "is outside location \"/a\""},
        {"http { server { listen 80; location = /a { location /a/b { } } } }",
         "inside the exact location"},
        {"http { server { listen 80; error_page 200 /x; } }", "must be between 300 and 599"},
        {"http { server { listen 80; location / { root /a; alias /b; } } }", "specified earlier"},
        {"http { server { listen 80; server_name a*b; } }", "invalid server name"},
        {"http { server { listen 80; root /$nonsense; } }", "unknown \"nonsense\" variable"},
    };

    for (const auto& c : cases) {
        SiteFixture site(c.text);
        EXPECT_NE(site.complaints().find(c.complaint), std::string::npos) << c.text << "\n"
                                                                          << site.complaints();
    }
}

TEST(Configuration, ListenKeepsItsOptions) {
    SiteFixture site(
        "http { server { listen [::1]:8080 backlog=7 reuseport deferred; listen unix:/run/s; } }");
    ASSERT_EQ(site.complaints(), "");

    const conf::ListenSpec* const spec = site.generation->find_listen(site.listener("[::1]:8080"));

    ASSERT_NE(spec, nullptr);
    EXPECT_EQ(spec->options.backlog, 7);
    EXPECT_TRUE(spec->options.reuseport);
    EXPECT_TRUE(spec->options.deferred);
    EXPECT_NE(site.port("unix:/run/s"), nullptr);
}

TEST(Variables, TellAboutTheRequest) {
    SiteFixture site("http { server { listen 8080; server_name s; } }");
    LooseExchange loose(site, "/a b", "h.example", "0.0.0.0:8080");
    Header headers[] = {{"User-Agent", "curl", Field::UserAgent},
                        {"X-A", "1"},
                        {"x-a", "2"},
                        {"Cookie", "a=1; b=2", Field::Cookie}};
    loose.exchange.request.headers = headers;
    loose.exchange.request.args = "x=1&y=2";
    loose.exchange.timings.now = std::chrono::milliseconds(1500);
    static_cast<void>(loose.body());
    const auto value = [&loose](std::string_view name) {
        const std::array lists{core_variables(), connection_variables()};
        const auto found = script::VariableTable(lists).find(name);
        return found.row == nullptr
                   ? std::string("no such variable")
                   : std::string(found.row->get(&loose.exchange, loose.arena, found.suffix).text);
    };

    EXPECT_EQ(value("uri"), "/a b");
    EXPECT_EQ(value("arg_y"), "2");
    EXPECT_EQ(value("http_user_agent"), "curl");
    EXPECT_EQ(value("http_x_a"), "1, 2");
    EXPECT_EQ(value("cookie_b"), "2");
    EXPECT_EQ(value("host"), "h.example");
    EXPECT_EQ(value("remote_addr"), "10.0.0.9");
    EXPECT_EQ(value("server_port"), "8080");
    EXPECT_EQ(value("request_time"), "1.500");
    EXPECT_EQ(value("status"), "200");
    EXPECT_EQ(value("is_args"), "?");
    EXPECT_EQ(value("request_id").size(), 32U);
    EXPECT_EQ(value("request_id"), value("request_id"));
}

}  // namespace
}  // namespace sluice::http
