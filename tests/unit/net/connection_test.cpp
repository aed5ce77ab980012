// SPDX-License-Identifier: BSD-2-Clause
// Connection over real sockets and a real epoll set: no edge may be lost.
#include "net/connection.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sockets.h"

namespace sluice::net {
namespace {

using testing::pattern;
using testing::read_available;

struct Session : Connection {
    int events = 0;
    int expiries = 0;
    void (*then)(Session&) = nullptr;
    std::string input;
    std::size_t read_budget = 1;
    Chain out;
    Written::Outcome outcome = Written::Outcome::Done;
    std::unique_ptr<Session>* self = nullptr;

    Session(event::Loop& the_loop, sys::UniqueFd socket)
        : Connection(the_loop, std::move(socket), *Address::parse("10.0.0.1:99"), ListenerId{7}) {
        on_event = [](Connection& connection) {
            auto& session = static_cast<Session&>(connection);
            ++session.events;
            if (session.then != nullptr) {
                session.then(session);
            }
        };
        on_deadline = [](Connection& connection) { ++static_cast<Session&>(connection).expiries; };
    }
};

class ConnectionTest : public ::testing::Test {
  protected:
    std::unique_ptr<event::Loop> loop_ = event::Loop::create().value();
    testing::TcpPair pair_ = testing::tcp_pair(4608);
    std::unique_ptr<Session> session_ = std::make_unique<Session>(*loop_, std::move(pair_.server));

    void turn() { ASSERT_TRUE(loop_->run_once(Millis(0)).has_value()); }

    void client_sends(std::string_view text) {
        ASSERT_TRUE(sys::send(pair_.client.get(), text).has_value());
    }
};

std::string congestion_control(int fd) {
    std::array<char, 16> name{};
    socklen_t size = name.size();
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size), 0);
    return name.data();
}

TEST_F(ConnectionTest, OnlyLoopbackPeersSkipPacing) {
    testing::TcpPair pair = testing::tcp_pair();
    Connection local(*loop_, std::move(pair.server), *Address::parse("127.0.0.1:99"), ListenerId{});
    const std::string usual = congestion_control(session_->fd);

    session_->skip_pacing();
    local.skip_pacing();

    EXPECT_EQ(congestion_control(session_->fd), usual);
    EXPECT_EQ(congestion_control(local.fd), "reno");
}

TEST_F(ConnectionTest, KnowsItsPeerAndListener) {
    EXPECT_EQ(session_->peer().text(), "10.0.0.1:99");
    EXPECT_EQ(session_->listener(), ListenerId{7});
}

TEST_F(ConnectionTest, AShortRecvClearsTheReadableBitAndTheNextEdgeSetsIt) {
    std::array<char, 16> buffer{};
    client_sends("abc");
    ASSERT_EQ(session_->recv(buffer)->size, 3U);
    EXPECT_FALSE(session_->is_readable());

    ASSERT_TRUE(session_->watch().has_value());
    turn();
    EXPECT_FALSE(session_->is_readable()) << "only writability was reported";
    client_sends("d");
    turn();

    EXPECT_TRUE(session_->is_readable());
}

TEST_F(ConnectionTest, ReportsInputThatCameBeforeItWasWatched) {
    std::array<char, 16> buffer{};
    EXPECT_TRUE(session_->recv(buffer)->is_blocked);
    EXPECT_FALSE(session_->is_readable());
    client_sends("abc");

    ASSERT_TRUE(session_->watch().has_value());
    turn();

    EXPECT_TRUE(session_->is_readable());
}

// One byte per call: the kernel reports the ten bytes once, all others come from yield().
TEST_F(ConnectionTest, NothingIsLostWhenAReadBudgetEndsBeforeTheInput) {
    ASSERT_TRUE(session_->watch().has_value());
    turn();
    session_->then = [](Session& session) {
        std::array<char, 1> one{};
        if (!session.is_readable()) {
            return;
        }
        const auto got = session.recv(one);
        session.input.append(one.data(), got->size);
        if (session.is_readable()) {
            session.yield();
        }
    };

    client_sends("0123456789");
    for (int i = 0; i < 20; ++i) {
        turn();
    }

    EXPECT_EQ(session_->input, "0123456789");
    const int events = session_->events;
    turn();
    EXPECT_EQ(session_->events, events) << "it spins";
}

TEST_F(ConnectionTest, DataAndFinInOneEventAreBothSeen) {
    std::array<char, 16> buffer{};
    ASSERT_TRUE(session_->watch().has_value());
    turn();
    client_sends("bye");
    ASSERT_TRUE(sys::shutdown(pair_.client.get(), SHUT_WR).has_value());

    turn();
    EXPECT_TRUE(session_->is_peer_closed());
    ASSERT_EQ(session_->recv(buffer)->size, 3U);
    ASSERT_TRUE(session_->is_readable()) << "the end would never be read";
    EXPECT_TRUE(session_->recv(buffer)->is_end);

    EXPECT_FALSE(session_->is_readable());
    EXPECT_TRUE(session_->is_peer_closed());
}

TEST_F(ConnectionTest, AFinIsNewsOnceAndNotWhereItMayHaveComeWithTheRequest) {
    ASSERT_TRUE(sys::shutdown(pair_.client.get(), SHUT_WR).has_value());
    ASSERT_TRUE(session_->watch().has_value());
    turn();
    EXPECT_TRUE(session_->is_peer_closed());
    EXPECT_FALSE(session_->is_peer_leaving()) << "the first event";

    testing::TcpPair other = testing::tcp_pair(4608);
    Session later(*loop_, std::move(other.server));
    ASSERT_TRUE(later.watch().has_value());
    turn();
    ASSERT_TRUE(sys::shutdown(other.client.get(), SHUT_WR).has_value());
    turn();
    EXPECT_TRUE(later.is_peer_leaving());

    later.yield();
    turn();
    EXPECT_TRUE(later.is_peer_closed());
    EXPECT_FALSE(later.is_peer_leaving()) << "no event";
}

TEST_F(ConnectionTest, AFinBehindALookForItIsNewsInTheFirstEvent) {
    session_->look_for_fin();
    ASSERT_TRUE(sys::shutdown(pair_.client.get(), SHUT_WR).has_value());
    ASSERT_TRUE(session_->watch().has_value());
    turn();
    EXPECT_TRUE(session_->is_peer_leaving());

    testing::TcpPair other = testing::tcp_pair(4608);
    Session late(*loop_, std::move(other.server));
    ASSERT_TRUE(sys::shutdown(other.client.get(), SHUT_WR).has_value());
    late.look_for_fin();
    ASSERT_TRUE(late.watch().has_value());
    turn();
    EXPECT_TRUE(late.is_peer_closed());
    EXPECT_FALSE(late.is_peer_leaving()) << "it was there before";
}

TEST_F(ConnectionTest, InputThatCameDuringAPauseIsReportedOnResume) {
    ASSERT_TRUE(session_->watch().has_value());
    session_->pause(PauseReason::Body);
    session_->pause(PauseReason::Writing);
    client_sends("x");
    turn();
    EXPECT_FALSE(session_->is_readable());
    const int events = session_->events;

    session_->resume(PauseReason::Body);
    turn();
    EXPECT_EQ(session_->events, events);
    session_->resume(PauseReason::Writing);
    turn();

    EXPECT_EQ(session_->events, events + 1);
    EXPECT_TRUE(session_->is_readable());
}

TEST_F(ConnectionTest, ABlockedWriteGoesOnWithTheNextEdge) {
    const std::string bytes = pattern(600'000, 1);
    ASSERT_TRUE(session_->out.push_memory(bytes));
    session_->then = [](Session& session) {
        if (session.is_writable()) {
            session.outcome = session.write(session.out).outcome;
        }
    };
    ASSERT_TRUE(session_->watch().has_value());

    std::string got;
    bool was_blocked = false;
    for (int i = 0; i < 100'000 && got.size() < bytes.size(); ++i) {
        ASSERT_TRUE(loop_->run_once(Millis(i == 0 ? 0 : 1000)).has_value());
        was_blocked |= !session_->is_writable();
        got += read_available(pair_.client.get());
    }

    EXPECT_EQ(got, bytes);
    EXPECT_TRUE(was_blocked);
    EXPECT_EQ(session_->outcome, Written::Outcome::Done);
}

// A reply that fast readers take as quickly as it is written, to many of them at once.
struct Download {
    testing::TcpPair pair = testing::tcp_pair();
    std::unique_ptr<Session> session;
    std::size_t sent = 0;

    Download(event::Loop& loop, int file, std::size_t size) {
        session = std::make_unique<Session>(loop, std::move(pair.server));
        EXPECT_TRUE(session->out.push_file(file, 0, size));
    }
};

TEST_F(ConnectionTest, ATurnSendsABoundedNumberOfBytesAndEverybodyGetsTheirShare) {
    constexpr std::size_t kSize = std::size_t{16} << 20;
    const testing::TempDirectory directory;
    const sys::UniqueFd file = testing::file_of(directory, std::string(kSize, 'x'));
    std::vector<std::unique_ptr<Download>> downloads;
    for (int i = 0; i < 64; ++i) {
        downloads.push_back(std::make_unique<Download>(*loop_, file.get(), kSize));
        Session& session = *downloads.back()->session;
        session.then = [](Session& ready) {
            if (ready.is_writable() && !ready.out.empty()) {
                ready.outcome = ready.write(ready.out).outcome;
            }
        };
        ASSERT_TRUE(session.watch().has_value());
    }

    std::size_t before = 0;
    std::size_t most = 0;
    for (int turns = 0; turns < 40; ++turns) {
        turn();
        std::size_t now = 0;
        for (const auto& download : downloads) {
            download->sent = kSize - download->session->out.bytes();
            now += download->sent;
            static_cast<void>(read_available(download->pair.client.get()));
        }
        most = std::max(most, now - before);
        before = now;
    }

    EXPECT_LE(most, 2 * event::Loop::kTurnShare);
    for (const auto& download : downloads) {
        EXPECT_GT(download->sent, 0U);
    }
}

TEST_F(ConnectionTest, ASmallReplyLeavesThoughTheTurnHasSentItsShare) {
    const std::string large = pattern(200'000, 4);
    ASSERT_EQ(loop_->take_share(SIZE_MAX), event::Loop::kTurnShare);
    ASSERT_TRUE(session_->out.push_memory(large));

    EXPECT_EQ(session_->write(session_->out).outcome, Written::Outcome::Yield);
    EXPECT_EQ(read_available(pair_.client.get()), "");
    EXPECT_FALSE(session_->is_writable()) << "it has to wait for its turn";
    session_->out.clear();
    ASSERT_TRUE(session_->out.push_memory("small"));
    EXPECT_EQ(session_->write(session_->out).outcome, Written::Outcome::Done);

    EXPECT_EQ(read_available(pair_.client.get()), "small");
    turn();
    EXPECT_EQ(session_->events, 1);
    EXPECT_TRUE(session_->is_writable());
}

TEST_F(ConnectionTest, DeadlineCallsBackOnceAndLeavesWhenClosed) {
    session_->set_deadline(loop_->now());
    turn();
    EXPECT_EQ(session_->expiries, 1);
    EXPECT_FALSE(session_->has_deadline());

    session_->set_deadline_in(Millis(0));
    session_->close();
    turn();
    EXPECT_EQ(session_->expiries, 1);
}

TEST_F(ConnectionTest, MayBeDestroyedInItsOwnEventWithMoreEventsAndPostsDue) {
    ASSERT_TRUE(session_->watch().has_value());
    client_sends("x");
    session_->self = &session_;
    session_->then = [](Session& session) {
        session.yield();
        session.set_deadline(Millis(0));
        session.self->reset();
    };

    turn();
    turn();

    EXPECT_EQ(session_, nullptr);
    std::array<char, 1> one{};
    const auto got = sys::recv(pair_.client.get(), one);
    EXPECT_TRUE(!got || got->is_end);
}

TEST_F(ConnectionTest, LingeringCloseDeliversTheReplyAndDropsTheRest) {
    std::array<char, 512> scratch{};
    client_sends(pattern(3000, 9));
    ASSERT_TRUE(session_->out.push_memory("reply"));
    ASSERT_EQ(session_->write(session_->out).outcome, Written::Outcome::Done);
    ASSERT_TRUE(session_->shutdown_write().has_value());
    ASSERT_TRUE(session_->watch().has_value());

    EXPECT_EQ(session_->discard(scratch, 1024), Drain::Yield);
    EXPECT_EQ(session_->discard(scratch), Drain::Waiting);
    EXPECT_EQ(read_available(pair_.client.get()), "reply");
    ASSERT_TRUE(sys::shutdown(pair_.client.get(), SHUT_WR).has_value());
    turn();

    EXPECT_EQ(session_->discard(scratch), Drain::Ended);
}

TEST_F(ConnectionTest, ResetSendsAReset) {
    session_->reset();

    std::array<char, 1> one{};
    const auto got = sys::recv(pair_.client.get(), one);
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, ECONNRESET);
    EXPECT_FALSE(session_->is_open());
}

}  // namespace
}  // namespace sluice::net
