// SPDX-License-Identifier: BSD-2-Clause
// Relay over loopback sockets and a real epoll set: what passes, what it costs, how it ends.
#include "proto/tcp/relay.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "relay_fixture.h"

namespace sluice::tcp {
namespace {

using testing::RelayTest;
using namespace std::string_literals;

TEST_F(RelayTest, PassesBothDirectionsOn) {
    start();

    client_sends("question");
    EXPECT_EQ(at_upstream(8), "question");
    upstream_sends("answer");
    EXPECT_EQ(at_client(6), "answer");

    const RelayCounts counts = relay_->counts();
    EXPECT_EQ(counts.from_client, 8U);
    EXPECT_EQ(counts.to_upstream, 8U);
    EXPECT_EQ(counts.from_upstream, 6U);
    EXPECT_EQ(counts.to_client, 6U);
    EXPECT_TRUE(relay_->first_byte().has_value());
}

TEST_F(RelayTest, SendsFirstBytesInOrderAndCountsThem) {
    start({.header = "PROXY UNKNOWN\r\n", .client = "hello", .upstream = "welcome"});

    EXPECT_EQ(at_upstream(20), "PROXY UNKNOWN\r\nhello");
    EXPECT_EQ(at_client(7), "welcome");
    EXPECT_EQ(relay_->counts().from_client, 5U);
    EXPECT_EQ(relay_->counts().to_upstream, 20U);
    EXPECT_EQ(relay_->counts().to_client, 7U);
}

TEST_F(RelayTest, FirstBytesMayBeMoreThanAPage) {
    const std::string preread = net::testing::pattern(100'000, 3);
    start({.header = "head ", .client = preread});

    EXPECT_EQ(at_upstream(100'005), "head " + preread);
}

TEST_F(RelayTest, IdleItHoldsNothing) {
    start();
    client_sends("x");
    EXPECT_EQ(at_upstream(1), "x");

    EXPECT_EQ(pools_.pages.retained(), 0U) << "no page was needed";
    EXPECT_EQ(pools_.pipes.borrowed(), 0U);
}

TEST_F(RelayTest, TheSessionEndsWithTheClientWhenItsBytesArePassedOn) {
    start();

    client_sends("last words");
    client_.reset();

    ASSERT_TRUE(ends());
    EXPECT_EQ(outcome_->end, RelayEnd::ClientClosed);
    EXPECT_EQ(at_upstream(10), "last words");
    EXPECT_FALSE(relay_->is_running());
}

TEST_F(RelayTest, TheSessionEndsWithTheUpstreamWhenItsBytesArePassedOn) {
    start();

    upstream_sends("bye");
    upstream_.reset();

    ASSERT_TRUE(ends());
    EXPECT_EQ(outcome_->end, RelayEnd::UpstreamClosed);
    EXPECT_EQ(at_client(3), "bye");
}

TEST_F(RelayTest, HalfCloseEndsEachDirectionForItself) {
    options_.is_half_close = true;
    start();

    client_sends("request");
    ASSERT_TRUE(sys::shutdown(client_.get(), SHUT_WR).has_value());
    turn();
    EXPECT_FALSE(outcome_.has_value());
    EXPECT_EQ(at_upstream(7), "request");
    EXPECT_TRUE(has_ended(upstream_));

    upstream_sends("reply");
    EXPECT_EQ(at_client(5), "reply");
    ASSERT_TRUE(sys::shutdown(upstream_.get(), SHUT_WR).has_value());

    ASSERT_TRUE(ends());
    EXPECT_EQ(outcome_->end, RelayEnd::UpstreamClosed);
    EXPECT_TRUE(has_ended(client_));
}

TEST_F(RelayTest, TellsWhichSideFailed) {
    start();

    ASSERT_TRUE(sys::set_reset_on_close(upstream_.get()).has_value());
    upstream_.reset();

    ASSERT_TRUE(ends());
    EXPECT_EQ(outcome_->end, RelayEnd::UpstreamFailed);
    EXPECT_EQ(std::string(outcome_->error.op), "recv()");
    EXPECT_EQ(outcome_->error.code, ECONNRESET);
}

TEST_F(RelayTest, WhatAnUpstreamSaidBeforeItClosedIsPassedOnThoughItTakesNoMore) {
    start();
    upstream_sends("413");
    client_sends(std::string(1000, 'x'));
    ASSERT_TRUE(turn_until([this] { return relay_->counts().to_upstream == 1000; }));
    upstream_.reset();  // input that is not read makes the close a reset
    client_sends(std::string(1000, 'x'));

    EXPECT_EQ(at_client(3), "413");
    ASSERT_TRUE(ends());
    EXPECT_EQ(outcome_->end, RelayEnd::UpstreamFailed);
}

TEST_F(RelayTest, EndsWhenNothingMovesForTheIdleTimeout) {
    options_.idle_timeout = Millis(100);
    start();

    client_sends("a");
    EXPECT_EQ(at_upstream(1), "a");
    advance(Millis(90));
    EXPECT_FALSE(outcome_.has_value());
    upstream_sends("b");
    EXPECT_EQ(at_client(1), "b");
    advance(Millis(90));
    EXPECT_FALSE(outcome_.has_value()) << "bytes of either direction renew it";
    advance(Millis(20));

    ASSERT_TRUE(outcome_.has_value());
    EXPECT_EQ(outcome_->end, RelayEnd::TimedOut);
}

TEST_F(RelayTest, BackPressureHoldsOneBufferAndLosesNothing) {
    start();
    const std::string sent = flood_from_client();

    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(loop_->run_once(Millis(0)).has_value());
    }
    const RelayCounts counts = relay_->counts();
    EXPECT_LE(counts.from_client - counts.to_upstream, 256U * 1024) << "one buffer, or one pipe";
    EXPECT_LE(pools_.pipes.borrowed(), 1U);

    EXPECT_EQ(at_upstream(sent.size()), sent);
    EXPECT_EQ(pools_.pipes.borrowed(), 0U);
}

TEST_F(RelayTest, MovesBulkThroughAPipeThatComesBackEmpty) {
    start();
    const std::string sent = net::testing::pattern(std::size_t{4} << 20, 5);

    EXPECT_EQ(pump_from_client(sent), sent);

    EXPECT_GE(pools_.pipes.retained(), 1U) << "no pipe was ever used";
    EXPECT_EQ(pools_.pipes.borrowed(), 0U);
}

// Somebody else who has all of a turn's share, and looks at the relay before it can have its own.
struct Greedy : event::Pollable {
    struct Look : event::Posted {
        const Relay* relay = nullptr;
        std::uint64_t seen = 0;
    };

    event::Loop* loop = nullptr;
    std::uint64_t before = 0;
    Look after;

    Greedy(event::Loop& the_loop, const Relay& relay) : loop(&the_loop) {
        after.relay = &relay;
        after.run = [](event::Posted& posted) {
            auto& self = static_cast<Look&>(posted);
            self.seen = self.relay->counts().from_client;
        };
        on_ready = [](event::Pollable& pollable, std::uint32_t) {
            auto& self = static_cast<Greedy&>(pollable);
            static_cast<void>(self.loop->take_share(event::Loop::kTurnShare));
            self.before = self.after.relay->counts().from_client;
            self.loop->post_first(self.after);
        };
    }
};

TEST_F(RelayTest, BulkThatGetsNothingOfATurnWaitsForTheNext) {
    start();
    const std::string sent = net::testing::pattern(std::size_t{4} << 20, 5);
    ASSERT_EQ(pump_from_client(sent), sent);
    ASSERT_GE(pools_.pipes.retained(), 1U) << "it is not bulk";
    turn();
    const sys::UniqueFd signal = sys::eventfd().value();
    Greedy greedy(*loop_, *relay_);
    greedy.fd = signal.get();
    ASSERT_TRUE(loop_->watch(greedy, EPOLLIN).has_value());

    ASSERT_TRUE(sys::eventfd_signal(signal.get()).has_value());
    client_sends(std::string(100'000, 'x'));
    ASSERT_TRUE(loop_->run_once(Millis(0)).has_value());
    loop_->forget(greedy);

    EXPECT_EQ(greedy.after.seen, greedy.before) << "it moved bytes without a share";
    EXPECT_EQ(at_upstream(100'000).size(), 100'000U);
}

TEST_F(RelayTest, CopiesWhereThereAreNoPipes) {
    options_.splice_from = SIZE_MAX;
    start();
    const std::string sent = net::testing::pattern(std::size_t{1} << 20, 6);

    EXPECT_EQ(pump_from_client(sent), sent);

    EXPECT_EQ(pools_.pipes.retained(), 0U);
}

TEST_F(RelayTest, DestroyedWithBytesInAPipeItClosesThePipe) {
    start();
    const std::string sent = flood_from_client();
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(loop_->run_once(Millis(0)).has_value());
    }
    ASSERT_EQ(pools_.pipes.borrowed(), 1U) << "the flood did not get into a pipe";

    relay_.reset();
    pair_a_.reset();
    pair_b_.reset();
    turn();

    EXPECT_EQ(pools_.pipes.borrowed(), 0U);
    EXPECT_EQ(pools_.pipes.retained(), 0U);
    EXPECT_FALSE(outcome_.has_value());
}

TEST_F(RelayTest, ARateLimitsWhatIsRead) {
    options_.upload_rate = 1000;
    start();

    client_sends(std::string(5000, 'x'));
    ASSERT_TRUE(turn_until([this] { return relay_->counts().from_client > 0; }));
    EXPECT_EQ(relay_->counts().from_client, 1000U) << "one second's worth at once";
    advance(Millis(500));
    EXPECT_EQ(relay_->counts().from_client, 1000U) << "they last for a second";
    advance(Millis(600));
    EXPECT_GE(relay_->counts().from_client, 2000U);
    EXPECT_LE(relay_->counts().from_client, 2100U);
    for (int i = 0; i < 40; ++i) {
        advance(Millis(100));
    }

    EXPECT_EQ(relay_->counts().to_upstream, 5000U);
    EXPECT_EQ(at_upstream(5000), std::string(5000, 'x'));
}

TEST_F(RelayTest, ARateOfOneDirectionLeavesTheOtherAlone) {
    options_.download_rate = 10;
    start();
    const std::string sent = net::testing::pattern(std::size_t{1} << 20, 6);

    EXPECT_EQ(pump_from_client(sent), sent);
}

}  // namespace
}  // namespace sluice::tcp
