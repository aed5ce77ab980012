// SPDX-License-Identifier: BSD-2-Clause
// Round robin, failures and counts, with a clock of the test's. The orders are nginx's.
#include "upstream_fixture.h"

namespace sluice::upstream {
namespace {

TEST(Attempt, TakesTurnsByWeightSmoothly) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 weight=5; server 127.0.0.1:2;"
                         " server 127.0.0.1:3; } }");

    EXPECT_EQ(site.ports("u", 7), "1 1 2 1 3 1 1");
    EXPECT_EQ(site.ports("u", 7), "1 1 2 1 3 1 1");
}

TEST(Attempt, AsksEveryPeerOnceAndTheBackupLast) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1; server 127.0.0.1:2;"
                         " server 127.0.0.1:3 backup; } }");
    Attempt attempt;
    site.begin(attempt, "u");
    std::string asked;

    while (const Peer* const peer = attempt.next(site.now)) {
        asked += std::to_string(peer->address.port()) + " ";
        attempt.fail(site.now);
        if (!attempt.may_retry()) {
            break;
        }
    }

    EXPECT_EQ(asked, "1 2 3 ");
}

TEST(Attempt, LeavesOutThoseThatAreDown) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 down; server 127.0.0.1:2; } }");

    EXPECT_EQ(site.ports("u", 3), "2 2 2");
}

TEST(Attempt, FailedPeerIsLeftAloneForFailTimeoutThenTriedOnce) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 fail_timeout=2s;"
                         " server 127.0.0.1:2; } }");
    UpstreamFixture::told().clear();
    Attempt first;
    site.begin(first, "u");
    ASSERT_EQ(first.next(site.now)->address.port(), 1);

    first.fail(site.now);

    EXPECT_EQ(UpstreamFixture::told().at(0), "upstream server temporarily disabled");
    EXPECT_EQ(first.next(site.now)->address.port(), 2);
    first.succeed(site.now);
    EXPECT_EQ(site.ports("u", 4), "2 2 2 2");
    site.now += Millis(2001);
    EXPECT_EQ(site.ports("u", 2), "2 2");  // the failure has taken all of its weight
    Attempt trial;
    site.begin(trial, "u");
    ASSERT_EQ(trial.next(site.now)->address.port(), 1);
    EXPECT_EQ(site.ports("u", 2), "2 2");  // one trial at a time
    trial.succeed(site.now);
    EXPECT_EQ(site.ports("u", 4), "2 1 2 1");
}

TEST(Attempt, PeerThatIsProvenMidwayIsAskedByOthersAtOnce) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 fail_timeout=2s;"
                         " server 127.0.0.1:2 backup; } }");
    {
        Attempt attempt;
        site.begin(attempt, "u");
        ASSERT_EQ(attempt.next(site.now)->address.port(), 1);
        attempt.fail(site.now);
    }
    site.now += Millis(2001);
    Attempt trial;
    site.begin(trial, "u");
    ASSERT_EQ(trial.next(site.now)->address.port(), 1);
    EXPECT_EQ(site.ports("u", 1), "2");

    trial.prove(site.now);

    EXPECT_EQ(site.ports("u", 3), "1 1 1");
}

TEST(Attempt, FailuresLightenAPeerUntilItsPicksRestoreIt) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 weight=4 max_fails=2;"
                         " server 127.0.0.1:2 weight=4; } }");
    Attempt attempt;
    site.begin(attempt, "u");
    const Peer* const peer = attempt.next(site.now);

    attempt.fail(site.now);

    EXPECT_EQ(peer->state->effective_weight.get(), 2);
    site.ports("u", 2);
    EXPECT_EQ(peer->state->effective_weight.get(), 4);
}

TEST(Attempt, SinglePeerNeverFails) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1; } }");
    for (int i = 0; i < 3; ++i) {
        Attempt attempt;
        site.begin(attempt, "u");
        ASSERT_NE(attempt.next(site.now), nullptr);
        attempt.fail(site.now);
        EXPECT_FALSE(attempt.may_retry());
    }

    EXPECT_EQ(site.ports("u", 1), "1");
}

TEST(Attempt, SaysWhenNobodyIsLeft) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 down; } }");
    UpstreamFixture::told().clear();
    Attempt attempt;
    site.begin(attempt, "u");

    EXPECT_EQ(attempt.next(site.now), nullptr);

    EXPECT_EQ(UpstreamFixture::told().at(0), "no live upstreams");
    EXPECT_EQ(attempt.group_name(), "u");
}

TEST(Attempt, HonoursMaxConnsAndGivesBackWhenDestroyed) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 max_conns=1;"
                         " server 127.0.0.1:2 max_conns=1; } }");
    {
        Attempt one;
        Attempt two;
        Attempt three;
        site.begin(one, "u");
        site.begin(two, "u");
        site.begin(three, "u");
        EXPECT_NE(one.next(site.now), nullptr);
        EXPECT_NE(two.next(site.now), nullptr);
        EXPECT_EQ(three.next(site.now), nullptr);
    }

    EXPECT_EQ(site.ports("u", 2), "2 1");
    EXPECT_EQ(site.group("u").known_peers().peers[0]->state->connections.get(), 0U);
}

TEST(Attempt, LimitsTries) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1; server 127.0.0.1:2;"
                         " server 127.0.0.1:3; } }");
    Attempt attempt;
    site.begin(attempt, "u");
    attempt.limit_tries(2);

    ASSERT_NE(attempt.next(site.now), nullptr);
    attempt.fail(site.now);
    EXPECT_TRUE(attempt.may_retry());
    ASSERT_NE(attempt.next(site.now), nullptr);
    attempt.fail(site.now);
    EXPECT_FALSE(attempt.may_retry());
}

TEST(Attempt, MeasuresWhatHappened) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1; server 127.0.0.1:2; } }");
    Attempt attempt;
    site.begin(attempt, "u");
    const Peer* const peer = attempt.next(site.now);

    attempt.connected(site.now + Millis(8));
    attempt.first_byte(site.now + Millis(30));
    attempt.first_byte(site.now + Millis(40));
    attempt.count(10, 20);
    attempt.count(1, 2);
    attempt.succeed(site.now + Millis(100));

    EXPECT_EQ(peer->state->connect_time.quantile(0.5), 8U);
    EXPECT_EQ(peer->state->first_byte_time.quantile(0.5), 30U);
    EXPECT_EQ(peer->state->last_byte_average.get(), 100 * 1024 + 1);
    EXPECT_EQ(peer->state->sent.get(), 11U);
    EXPECT_EQ(peer->state->received.get(), 22U);
    EXPECT_EQ(peer->state->selected.get(), 1U);
}

TEST(Attempt, SlowStartGivesARecoveredPeerItsShareStepByStep) {
    UpstreamFixture site("stream { upstream u { server 127.0.0.1:1 fail_timeout=1s slow_start=10s;"
                         " server 127.0.0.1:2; } }");
    {
        Attempt attempt;
        site.begin(attempt, "u");
        ASSERT_EQ(attempt.next(site.now)->address.port(), 1);
        attempt.fail(site.now);
    }
    site.now += Millis(1001);
    EXPECT_EQ(site.ports("u", 3), "2 2 1");  // the trial; recovers from here

    site.now += Millis(1000);
    const std::string early = site.ports("u", 110);
    site.now += Millis(9000);
    const std::string late = site.ports("u", 110);

    const auto count = [](const std::string& text) {
        return std::ranges::count(text, '1');
    };
    EXPECT_NEAR(static_cast<double>(count(early)), 10, 1);  // a tenth of the other's weight: 1 of 11
    EXPECT_NEAR(static_cast<double>(count(late)), 55, 1);
}

TEST(Attempt, SetOfMorePeersThanFitInlineIsTriedWhole) {
    std::string text = "stream { upstream u {";
    for (int i = 1; i <= 300; ++i) {
        text += " server 127.0.0.1:" + std::to_string(i) + ";";
    }
    UpstreamFixture site(text + " } }");
    Attempt attempt;
    site.begin(attempt, "u");
    std::vector<bool> asked(301);

    for (int i = 0; i < 300; ++i) {
        const Peer* const peer = attempt.next(site.now);
        ASSERT_NE(peer, nullptr);
        EXPECT_FALSE(asked[peer->address.port()]);
        asked[peer->address.port()] = true;
        attempt.fail(site.now);
    }

    EXPECT_FALSE(attempt.may_retry());
    EXPECT_EQ(attempt.next(site.now), nullptr);
}

TEST(Attempt, StateOutlivesTheConfiguration) {
    PeerStore store;
    constexpr std::string_view kText =
        "stream { upstream u { server 127.0.0.1:1; server 127.0.0.1:2; } }";
    UpstreamFixture old(kText, {}, &store);
    {
        Attempt attempt;
        old.begin(attempt, "u");
        ASSERT_EQ(attempt.next(old.now)->address.port(), 1);
        attempt.fail(old.now);
    }

    UpstreamFixture next(kText, {}, &store);

    EXPECT_EQ(next.ports("u", 3), "2 2 2");
}

}  // namespace
}  // namespace sluice::upstream
