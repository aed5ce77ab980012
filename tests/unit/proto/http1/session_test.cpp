// SPDX-License-Identifier: BSD-2-Clause
// Sessions over a socket pair, with a compiled configuration, a clock of the test's own and a
// module that answers in every way a module may.
// Runs in: tests.
#include "proto/http1/session.h"

#include <array>
#include <fcntl.h>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "../http/site_fixture.h"
#include "proto/http1/protocol.h"
#include "sys/epoll.h"
#include "sys/socket.h"

namespace sluice::http1 {
namespace {

Millis test_time{1'000'000};

Millis read_test_time() {
    return test_time;
}

const std::string& big_body() {
    static const std::string body(3'000'000, 'b');
    return body;
}

// Three pieces and an end of its own.
struct Pieces final : http::Body {
    int given = 0;
    http::Exchange* exchange = nullptr;
    static inline int closed = 0;

    http::Pull pull(net::Chain& out, std::size_t) override {
        constexpr std::array<std::string_view, 3> kParts{"one", "two", "three"};
        if (given == 3) {
            return http::Pull::End;
        }
        static_cast<void>(out.push_memory(kParts[static_cast<std::size_t>(given++)]));
        return http::Pull::More;
    }

    void close() noexcept override { ++closed; }
};

// A word each time it is woken, and an end of its own.
struct Trickle final : http::Body {
    explicit Trickle(http::Exchange& the_exchange) : exchange(the_exchange) { latest = this; }

    http::Exchange& exchange;
    bool is_awake = true;
    int given = 0;
    static inline Trickle* latest = nullptr;

    http::Pull pull(net::Chain& out, std::size_t) override {
        constexpr std::array<std::string_view, 3> kParts{"one", "two", "three"};
        if (given == 3) {
            return http::Pull::End;
        }
        if (!std::exchange(is_awake, false)) {
            return http::Pull::Later;
        }
        static_cast<void>(out.push_memory(kParts[static_cast<std::size_t>(given++)]));
        return http::Pull::More;
    }

    void close() noexcept override {}

    void wake() {
        is_awake = true;
        exchange.wire.wake(exchange);
    }
};

http::Exchange* waiting = nullptr;
int logged = 0;
std::int64_t logged_bytes = 0;

http::Verdict give_body(http::Exchange& exchange, const void*) {
    exchange.reply.memory_body = exchange.body.memory();
    return exchange.finish(200);
}

http::Verdict act(http::Exchange& exchange, const void*) {
    const std::string_view uri = exchange.request.uri;
    if (uri == "/hello") {
        exchange.reply.memory_body = "hello";
        exchange.reply.content_type = "text/plain";
        return exchange.finish(200);
    }
    if (uri == "/big") {
        exchange.reply.memory_body = big_body();
        return exchange.finish(200);
    }
    if (uri == "/pieces") {
        Pieces* const body = exchange.arena.make<Pieces>();
        exchange.reply.body = body;
        return exchange.finish(200);
    }
    if (uri == "/trickle") {
        exchange.reply.body = exchange.arena.make<Trickle>(exchange);
        return exchange.finish(200);
    }
    if (uri == "/silent") {
        exchange.reply.status = http::kNoAnswer;
        exchange.reply.closes = true;
        return http::Verdict::Decided;
    }
    if (uri == "/body") {
        return exchange.read_body(&give_body, nullptr);
    }
    if (uri == "/wait") {
        if (waiting != nullptr) {
            return http::Verdict::Declined;
        }
        waiting = &exchange;
        return http::Verdict::Waiting;
    }
    return http::Verdict::Declined;
}

http::Verdict count_log(http::Exchange& exchange, const void*) {
    ++logged;
    logged_bytes = exchange.timings.bytes_sent;
    return http::Verdict::Declined;
}

http::BoundRule bind_act(http::Phase phase, conf::Level&) {
    switch (phase) {
        case http::Phase::Content:
            return {&act, nullptr};
        case http::Phase::Log:
            return {&count_log, nullptr};
        default:
            return {};
    }
}

constexpr http::Module kAct{.name = "act", .bind = &bind_act};

class SessionTest : public ::testing::Test {
  protected:
    explicit SessionTest(std::string_view text = "http { server { listen 80; } }")
        : site(text, kAct),
          loop(*event::Loop::create({&read_test_time, &read_test_time, &read_test_time})),
          region(*shm::SharedLog::create(1)),
          wakeup(*sys::eventfd()),
          lanes(region, SlotId{0}, wakeup.get()),
          worker{*loop, lanes, site.generation},
          http(worker) {
        waiting = nullptr;
        logged = 0;
        Pieces::closed = 0;
        client = connect();
    }

    sys::UniqueFd connect(std::string_view key = "0.0.0.0:80") {
        auto pair = *sys::socketpair(SOCK_STREAM);
        http.accept({std::move(pair.first), net::Address(), site.listener(key)});
        return std::move(pair.second);
    }

    void turn(int count = 4) {
        for (int i = 0; i < count; ++i) {
            ASSERT_TRUE(loop->run_once(Millis(0)));
        }
    }

    void pass(Millis time) {
        test_time += time;
        turn();
    }

    void send(std::string_view text) {
        const auto sent = sys::send(client.get(), text);
        ASSERT_TRUE(sent);
        ASSERT_EQ(sent->size, text.size());
    }

    // What one recv gives now; "<end>" for the end, "" for nothing.
    std::string receive_once() {
        static std::array<char, 1 << 20> buffer;
        const auto got = sys::recv(client.get(), buffer);
        if (!got || got->is_end) {
            return "<end>";
        }
        return {buffer.data(), got->size};
    }

    std::string exchange(std::string_view text) {
        send(text);
        return receive_all();
    }

    std::string receive_all() {
        std::string all;
        for (int quiet = 0; quiet < 3;) {
            turn();
            const std::string part = receive_once();
            all += part;
            quiet = part.empty() ? quiet + 1 : 0;
            if (part == "<end>") {
                break;
            }
        }
        return all;
    }

    static int count_of(std::string_view text, std::string_view what) {
        int count = 0;
        for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) {
            ++count;
        }
        return count;
    }

    http::SiteFixture site;
    std::unique_ptr<event::Loop> loop;
    shm::SharedLog region;
    sys::UniqueFd wakeup;
    log::LaneLog lanes;
    net::WorkerContext worker;
    Http1 http;
    sys::UniqueFd client;
};

class PromptSessionTest : public SessionTest {
  protected:
    PromptSessionTest() : SessionTest("http { postpone_output 0; server { listen 80; } }") {}
};

constexpr std::string_view kHello = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(SessionTest, AnswersAndKeepsTheConnection) {
    for (int i = 0; i < 3; ++i) {
        const std::string reply = exchange(kHello);

        EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\nServer: sluice\r\nDate: ")) << reply;
        EXPECT_NE(reply.find("Content-Type: text/plain\r\nContent-Length: 5\r\n"), reply.npos);
        EXPECT_TRUE(reply.ends_with("\r\n\r\nhello"));
    }
    EXPECT_EQ(logged, 3);
    EXPECT_EQ(http.connections(), 1U);
}

TEST_F(SessionTest, PipelinedRepliesLeaveInOneCall) {
    std::string requests;
    for (int i = 0; i < 20; ++i) {
        requests += kHello;
    }
    send(requests);

    turn(1);

    EXPECT_EQ(count_of(receive_once(), "\r\n\r\nhello"), 20);
}

TEST_F(SessionTest, AHeadMayArriveByteByByte) {
    for (const char c : kHello) {
        send({&c, 1});
        turn(1);
    }

    EXPECT_TRUE(receive_all().ends_with("hello"));
}

TEST_F(SessionTest, BodiesAreDroppedAndTheNextRequestIsFound) {
    const std::string sized = "POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
    const std::string chunked =
        "POST /hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string all =
        sized + "0123456789" + chunked + "4\r\nabcd\r\n0\r\n\r\n" + std::string(kHello);

    EXPECT_EQ(count_of(exchange(all), "\r\n\r\nhello"), 3);

    std::string replies;  // the same in small parts, so that body and next head come apart anywhere
    for (std::size_t at = 0; at < all.size(); at += 7) {
        send(std::string_view(all).substr(at, 7));
        turn();
        replies += receive_once();
    }
    EXPECT_EQ(count_of(replies + receive_all(), "\r\n\r\nhello"), 3);
    EXPECT_EQ(http.connections(), 1U);
}

constexpr std::string_view kTrickle = "GET /trickle HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(SessionTest, FewBytesOfABodyWaitForMoreAndLeaveWithItsEnd) {
    send(kTrickle);
    turn();
    EXPECT_EQ(receive_once(), "");
    Trickle::latest->wake();
    turn();
    EXPECT_EQ(receive_once(), "");
    pass(Millis(100'000));
    EXPECT_EQ(http.connections(), 1U) << "nobody but the server is slow";
    Trickle::latest->wake();
    turn();

    const std::string reply = receive_once();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply;
    EXPECT_TRUE(reply.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")) << reply;
    EXPECT_EQ(logged_bytes, static_cast<std::int64_t>(reply.size()));
}

TEST_F(SessionTest, RepliesBeforeABodyThatWaitsDoNotWait) {
    send(std::string(kHello) + std::string(kTrickle));
    turn();

    EXPECT_EQ(count_of(receive_once(), "\r\n\r\nhello"), 1);
    Trickle::latest->wake();
    turn();
    client.reset();
    Trickle::latest->wake();
    turn();
    EXPECT_EQ(http.connections(), 0U);
}

TEST_F(PromptSessionTest, PiecesLeaveAtOnceWherePostponeOutputIsZero) {
    send(kTrickle);
    turn();
    EXPECT_TRUE(receive_once().ends_with("3\r\none\r\n"));
    Trickle::latest->wake();
    turn();
    EXPECT_EQ(receive_once(), "3\r\ntwo\r\n");
}

TEST_F(SessionTest, AReplyWaitsForTheBody) {
    send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    turn();
    EXPECT_EQ(receive_once(), "");

    EXPECT_TRUE(exchange("cd").ends_with("hello"));
}

TEST_F(SessionTest, ContinueIsSentToWhoWaitsForItWhereTheBodyIsWanted) {
    const std::string head =
        "POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";

    EXPECT_EQ(exchange(head), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_TRUE(exchange("ab").ends_with("\r\n\r\nab"));
    EXPECT_TRUE(exchange(head + "ab").starts_with("HTTP/1.1 200")) << "the body is there already";
}

TEST_F(SessionTest, NobodyIsInvitedToSendABodyThatIsNotWanted) {
    const std::string reply = exchange(
        "POST /hello HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");

    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200")) << reply;
    EXPECT_NE(reply.find("Connection: close"), reply.npos);
}

TEST_F(SessionTest, ABodyIsCollectedAcrossAWait) {
    const std::string reply =
        exchange("POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    EXPECT_EQ(reply, "");

    EXPECT_TRUE(exchange("llo" + std::string(kHello)).ends_with("hello"));
    EXPECT_EQ(logged, 2);
}

TEST_F(SessionTest, ARuleThatWaitedMayAskForTheBody) {
    send("POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    turn();
    ASSERT_NE(waiting, nullptr);
    EXPECT_EQ(waiting->read_body(&give_body, nullptr), http::Verdict::Waiting);
    EXPECT_EQ(receive_once(), "");

    EXPECT_TRUE(exchange("llo").ends_with("\r\n\r\nhello"));
}

TEST_F(SessionTest, AClientThatLeavesInItsBodyIsNoTrouble) {
    send("POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    turn();
    client.reset();
    turn();

    EXPECT_EQ(http.connections(), 0U);
    EXPECT_EQ(logged, 1);
}

TEST_F(SessionTest, BadChunksAreAnswered400) {
    const std::string reply =
        exchange("POST /hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");

    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 ")) << reply;
    EXPECT_TRUE(reply.ends_with("<end>"));
}

TEST_F(SessionTest, BadHeadsAreAnsweredAndTheConnectionEnds) {
    const std::string reply = exchange("GET / HTTP/1.1\r\nHost : h\r\n\r\n" + std::string(kHello));

    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 Bad Request\r\n")) << reply;
    EXPECT_NE(reply.find("Connection: close\r\n"), reply.npos);
    EXPECT_EQ(count_of(reply, "HTTP/1.1 "), 1);
    EXPECT_TRUE(reply.ends_with("<end>"));
}

TEST_F(SessionTest, LongHeadsGrowThePageUpToTheLimits) {
    const auto with_cookie = [](std::size_t size) {
        return "GET /hello HTTP/1.1\r\nHost: h\r\nCookie: " + std::string(size, 'c') + "\r\n\r\n";
    };

    EXPECT_TRUE(exchange(with_cookie(8000)).ends_with("hello"));
    EXPECT_TRUE(exchange(with_cookie(8000) + std::string(kHello)).ends_with("hello"));
    const std::string reply = exchange(with_cookie(9000));
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 ")) << reply;
    EXPECT_NE(reply.find("Request Header Or Cookie Too Large"), reply.npos);
}

TEST_F(SessionTest, NoAnswerClosesBehindTheRepliesBeforeIt) {
    EXPECT_EQ(exchange("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n"), "<end>");
    EXPECT_EQ(logged, 1);
    EXPECT_EQ(logged_bytes, 0);
    EXPECT_EQ(http.connections(), 0U);

    client = connect();
    const std::string replies = exchange(
        std::string(kHello) + "POST /silent HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
    EXPECT_EQ(count_of(replies, "HTTP/1.1"), 1);
    EXPECT_TRUE(replies.ends_with("hello<end>")) << replies;
}

TEST_F(SessionTest, HeadHasNoBody) {
    const std::string reply = exchange("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n");

    EXPECT_NE(reply.find("Content-Length: 5\r\n"), reply.npos);
    EXPECT_TRUE(reply.ends_with("\r\n\r\n"));
}

TEST_F(SessionTest, OldVersionsCloseUnlessTheyAsk) {
    EXPECT_TRUE(
        exchange("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").ends_with("hello"));
    EXPECT_TRUE(exchange("GET /hello HTTP/1.0\r\n\r\n").ends_with("hello<end>"));
    client = connect();
    EXPECT_EQ(exchange("GET /hello\r\n"), "hello<end>") << "HTTP/0.9 has no head";
}

TEST_F(SessionTest, ABodyOfUnknownLengthIsChunkedOrEndsTheConnection) {
    const std::string reply = exchange("GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_NE(reply.find("Transfer-Encoding: chunked\r\n"), reply.npos);
    EXPECT_TRUE(reply.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"))
        << reply;
    EXPECT_EQ(logged_bytes, static_cast<std::int64_t>(reply.size()));

    EXPECT_TRUE(exchange("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    .ends_with("\r\n\r\nonetwothree<end>"));
    EXPECT_EQ(Pieces::closed, 2);
}

TEST_F(SessionTest, ALargeBodyGoesOnWhenTheClientReads) {
    send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kHello));
    turn();
    EXPECT_EQ(logged, 0);

    const std::string all = receive_all();

    EXPECT_EQ(count_of(all, "HTTP/1.1 200"), 2);
    EXPECT_TRUE(all.ends_with("hello"));
    EXPECT_GT(all.size(), big_body().size());
    EXPECT_EQ(logged, 2);
}

TEST_F(SessionTest, PipelinedRepliesThatDoNotFitAreKept) {
    std::string requests;
    for (int i = 0; i < 100; ++i) {
        requests += "GET /nothing-here HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    for (int i = 0; i < 9; ++i) {
        send(requests);
        turn();
    }

    EXPECT_EQ(count_of(receive_all(), "HTTP/1.1 404 "), 900);
}

TEST_F(SessionTest, AClientThatNeverReadsIsDropped) {
    send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    turn();

    pass(Millis(59'000));
    EXPECT_EQ(http.connections(), 1U);
    pass(Millis(2'000));

    EXPECT_EQ(http.connections(), 0U);
    EXPECT_EQ(logged, 1);
    EXPECT_LT(logged_bytes, static_cast<std::int64_t>(big_body().size()));
}

TEST_F(SessionTest, AHalfClosedClientGetsItsReply) {
    send(kHello);
    ASSERT_TRUE(sys::shutdown(client.get(), SHUT_WR));

    EXPECT_TRUE(receive_all().ends_with("hello<end>"));
    EXPECT_EQ(http.connections(), 0U);
}

TEST_F(SessionTest, TimesOutInEveryState) {
    turn();
    pass(Millis(61'000));
    EXPECT_EQ(http.connections(), 0U) << "nothing was ever sent";

    client = connect();
    send("GET /hello HT");
    turn();
    pass(Millis(61'000));
    EXPECT_EQ(http.connections(), 0U) << "half a head";

    client = connect();
    static_cast<void>(exchange(kHello));
    pass(Millis(74'000));
    EXPECT_EQ(http.connections(), 1U);
    pass(Millis(2'000));
    EXPECT_EQ(http.connections(), 0U) << "keep-alive ended";

    client = connect();
    send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab");
    turn();
    pass(Millis(61'000));
    EXPECT_TRUE(receive_once().starts_with("HTTP/1.1 408")) << "half a body";
    pass(Millis(31'000));
    EXPECT_EQ(http.connections(), 0U) << "half a body";
}

TEST_F(SessionTest, ARuleMayWait) {
    send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    turn();
    ASSERT_NE(waiting, nullptr);
    EXPECT_EQ(receive_once(), "");

    waiting->reply.memory_body = "done";
    EXPECT_EQ(waiting->finish(200), http::Verdict::Decided);
    waiting->resume_phases();

    EXPECT_TRUE(receive_all().ends_with("\r\n\r\ndone"));
    EXPECT_TRUE(exchange(kHello).ends_with("hello"));
}

TEST_F(SessionTest, AClientThatLeavesWhileARuleWaitsIsNoTrouble) {
    send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    turn();
    client.reset();
    turn();

    waiting->resume_phases();
    turn();

    EXPECT_EQ(http.connections(), 0U);
}

TEST_F(SessionTest, RetiringAnswersWithClose) {
    static_cast<void>(exchange(kHello));
    worker.is_retiring = true;
    http.retire();
    turn();
    EXPECT_EQ(http.connections(), 1U);

    const std::string reply = exchange(kHello);

    EXPECT_NE(reply.find("Connection: close\r\n"), reply.npos);
    EXPECT_TRUE(reply.ends_with("hello<end>"));
}

TEST_F(SessionTest, IdleConnectionsAreShedOldestFirst) {
    const sys::UniqueFd second = connect();
    turn();

    EXPECT_EQ(http.shed_idle(1), 1U);

    EXPECT_EQ(receive_once(), "<end>");
    EXPECT_EQ(http.connections(), 1U);
    EXPECT_EQ(http.shed_idle(5), 1U);
}

TEST_F(SessionTest, BusyConnectionsAreNotShed) {
    send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    turn();

    EXPECT_EQ(http.shed_idle(1), 0U);
}

TEST_F(SessionTest, ANewGenerationServesTheNextRequest) {
    static_cast<void>(exchange(kHello));
    http::SiteFixture next("http { server_tokens next; server { listen 80; } }", kAct);
    worker.current = next.generation;
    http.generation_changed();

    EXPECT_NE(exchange(kHello).find("Server: next\r\n"), std::string::npos);
}

TEST_F(SessionTest, AConnectionOutlivesItsListener) {
    static_cast<void>(exchange(kHello));
    http::SiteFixture without("http { }", kAct);
    worker.current = without.generation;
    http.generation_changed();

    EXPECT_TRUE(exchange(kHello).ends_with("hello"));
    EXPECT_TRUE(exchange(kHello).ends_with("hello"));
}

class LimitedSessionTest : public SessionTest {
  protected:
    LimitedSessionTest()
        : SessionTest(
              "http { keepalive_requests 2; keepalive_timeout 75s 20s; client_max_body_size 8; "
              "server { listen 80; } }") {}
};

TEST_F(LimitedSessionTest, KeepaliveRequestsIsCounted) {
    EXPECT_NE(exchange(kHello).find("Keep-Alive: timeout=20\r\n"), std::string::npos);

    EXPECT_TRUE(exchange(kHello).ends_with("hello<end>"));
}

TEST_F(LimitedSessionTest, ChunksPastTheLimitAre413) {
    const std::string reply = exchange(
        "POST /hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
        "chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n");

    EXPECT_TRUE(reply.starts_with("HTTP/1.1 413 ")) << reply;
    EXPECT_TRUE(reply.ends_with("<end>"));
}

TEST_F(LimitedSessionTest, TooLongABodyIsRefusedUnread) {
    const std::string reply = exchange(
        "POST /hello HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");

    EXPECT_TRUE(reply.starts_with("HTTP/1.1 413 ")) << reply;
    EXPECT_TRUE(reply.ends_with("<end>"));
    EXPECT_EQ(http.connections(), 1U) << "it lingers";
    pass(Millis(6'000));
    EXPECT_EQ(http.connections(), 0U);
}

}  // namespace
}  // namespace sluice::http1
