// SPDX-License-Identifier: BSD-2-Clause
// Connector over real sockets: every outcome comes once, later, and with what a log needs.
#include "net/connector.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sockets.h"

namespace sluice::net {
namespace {

using testing::local_address;
using testing::read_available;
using Kind = ConnectOutcome::Kind;

class ConnectorTest : public ::testing::Test {
  protected:
    ConnectorTest() {
        connector_.owner = this;
        connector_.on_done = [](Connector& self, const ConnectOutcome& outcome) {
            static_cast<ConnectorTest*>(self.owner)->outcomes_.push_back(outcome);
        };
    }

    void turn(Millis timeout = Millis(0)) { ASSERT_TRUE(loop_->run_once(timeout).has_value()); }

    void start(const Address& to, const ConnectOptions& options = {}) {
        connector_.start(connection_, to, options);
        EXPECT_TRUE(outcomes_.empty()) << "told inside start()";
    }

    void turn_until_done() {
        for (int i = 0; i < 1000 && outcomes_.empty(); ++i) {
            turn(Millis(10));
        }
        ASSERT_EQ(outcomes_.size(), 1U);
    }

    std::unique_ptr<event::Loop> loop_ = event::Loop::create().value();
    std::optional<OwnedConnection> connection_;
    Connector connector_{*loop_};
    std::vector<ConnectOutcome> outcomes_;
};

TEST_F(ConnectorTest, HandsOverAWatchedWritableConnectionWithoutInput) {
    const sys::UniqueFd listening = testing::listen_on_loopback();

    start(local_address(listening.get()));
    turn_until_done();

    EXPECT_EQ(outcomes_[0].kind, Kind::Connected);
    ASSERT_TRUE(connection_.has_value());
    EXPECT_TRUE(connection_->is_watched());
    EXPECT_TRUE(connection_->is_writable());
    EXPECT_FALSE(connection_->is_readable()) << "a recv would be in vain";
    EXPECT_EQ(connection_->peer(), local_address(listening.get()));
    EXPECT_FALSE(connector_.is_connecting());
    const sys::UniqueFd accepted = sys::accept(listening.get(), nullptr, nullptr).value();
    ASSERT_TRUE(connection_->send(std::string_view("hello")).has_value());
    EXPECT_EQ(read_available(accepted.get()), "hello");
}

TEST_F(ConnectorTest, TellsThatThePeerRefuses) {
    Address nobody;
    {
        const sys::UniqueFd listening = testing::listen_on_loopback();
        nobody = local_address(listening.get());
    }

    start(nobody);
    turn_until_done();

    EXPECT_EQ(outcomes_[0].kind, Kind::Refused);
    EXPECT_EQ(std::string(outcomes_[0].error.op), "connect()");
    EXPECT_EQ(outcomes_[0].error.code, ECONNREFUSED);
    EXPECT_FALSE(connection_.has_value());
}

TEST_F(ConnectorTest, TellsThatTheTimeIsOver) {
    // A queue of one, full: the kernel drops further SYNs, so that nobody answers.
    const sys::UniqueFd listening = testing::listen_on_loopback();
    ASSERT_TRUE(sys::refuse_new_connections(listening.get(), true).has_value());

    start(local_address(listening.get()), {.timeout = Millis(30)});
    turn_until_done();

    EXPECT_EQ(outcomes_[0].kind, Kind::TimedOut);
    EXPECT_EQ(outcomes_[0].error.code, ETIMEDOUT);
    EXPECT_FALSE(connection_.has_value());
}

TEST_F(ConnectorTest, ConnectsToAUnixSocketAtOnceButTellsLater) {
    const testing::TempDirectory directory;
    const Address address = *Address::parse("unix:" + directory.file("s"));
    const sys::UniqueFd listening = open_listener(address, {}).value();

    start(address);
    turn_until_done();

    EXPECT_EQ(outcomes_[0].kind, Kind::Connected);
    EXPECT_TRUE(connection_->is_writable());
    EXPECT_FALSE(connection_->is_readable());
}

TEST_F(ConnectorTest, TellsLaterOfAUnixSocketThatIsNotThere) {
    start(*Address::parse("unix:/nowhere/at/all"));
    turn_until_done();

    EXPECT_EQ(outcomes_[0].kind, Kind::Refused);
    EXPECT_EQ(outcomes_[0].error.code, ENOENT);
}

TEST_F(ConnectorTest, TellsAFaultOfOursFromAnAnswer) {
    const sys::UniqueFd listening = testing::listen_on_loopback();
    const Address foreign = *Address::parse("192.0.2.1:0");

    start(local_address(listening.get()), {.from = &foreign});
    turn_until_done();

    EXPECT_EQ(outcomes_[0].kind, Kind::Unable);
    EXPECT_EQ(std::string(outcomes_[0].error.op), "bind()");
    EXPECT_EQ(outcomes_[0].error.code, EADDRNOTAVAIL);
}

TEST_F(ConnectorTest, ComesFromTheAddressThatIsAskedFor) {
    const sys::UniqueFd listening = testing::listen_on_loopback();
    const Address from = *Address::parse("127.0.0.3:0");

    start(local_address(listening.get()), {.from = &from});
    turn_until_done();

    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    const sys::UniqueFd accepted = sys::accept(listening.get(), &storage, &size).value();
    EXPECT_EQ(Address::from_kernel(storage, size).host(), "127.0.0.3");
}

TEST_F(ConnectorTest, SetsTheOptions) {
    const sys::UniqueFd listening = testing::listen_on_loopback();

    start(local_address(listening.get()), {.has_keepalive = true, .has_nodelay = true});
    turn_until_done();

    EXPECT_EQ(sys::get_option(connection_->fd, SOL_SOCKET, SO_KEEPALIVE).value(), 1);
    EXPECT_EQ(sys::get_option(connection_->fd, IPPROTO_TCP, TCP_NODELAY).value(), 1);
}

TEST_F(ConnectorTest, ConnectsDatagramSockets) {
    const sys::UniqueFd receiver =
        open_listener(*Address::parse("127.0.0.1:0"), {.is_datagram = true}).value();

    start(local_address(receiver.get()), {.is_datagram = true});
    turn_until_done();

    ASSERT_TRUE(outcomes_[0].is_connected());
    ASSERT_TRUE(connection_->send(std::string_view("ping")).has_value());
    EXPECT_EQ(read_available(receiver.get()), "ping");
}

TEST_F(ConnectorTest, APeerThatAnswersAndClosesAtOnceIsStillConnected) {
    const sys::UniqueFd listening = testing::listen_on_loopback();
    start(local_address(listening.get()));
    {
        const sys::UniqueFd accepted = sys::accept(listening.get(), nullptr, nullptr).value();
        ASSERT_TRUE(sys::send(accepted.get(), std::string_view("bye")).has_value());
    }
    turn_until_done();

    ASSERT_TRUE(outcomes_[0].is_connected());
    EXPECT_TRUE(connection_->is_readable());
    EXPECT_EQ(read_available(connection_->fd), "bye");
}

TEST_F(ConnectorTest, CancelledOrDestroyedItTellsNothing) {
    const sys::UniqueFd listening = testing::listen_on_loopback();
    const testing::TempDirectory directory;
    const Address path = *Address::parse("unix:" + directory.file("s"));
    const sys::UniqueFd at_path = open_listener(path, {}).value();

    start(local_address(listening.get()));
    connector_.cancel();
    EXPECT_FALSE(connection_.has_value());
    turn();
    start(path);
    connector_.cancel();
    turn();
    {
        std::optional<OwnedConnection> other;
        Connector short_lived(*loop_);
        short_lived.start(other, local_address(listening.get()), {});
    }
    turn();

    EXPECT_TRUE(outcomes_.empty());
}

TEST_F(ConnectorTest, TriesAgainFromItsOwnCallback) {
    const sys::UniqueFd listening = testing::listen_on_loopback();

    struct Retry {
        std::optional<OwnedConnection>& into;
        Address second;
        std::vector<Kind> kinds;
    } retry{connection_, local_address(listening.get()), {}};

    connector_.owner = &retry;
    connector_.on_done = [](Connector& self, const ConnectOutcome& outcome) {
        auto& the = *static_cast<Retry*>(self.owner);
        the.kinds.push_back(outcome.kind);
        if (the.kinds.size() == 1) {
            self.start(the.into, the.second, {});
        }
    };

    connector_.start(connection_, *Address::parse("unix:/nowhere/at/all"), {});
    for (int i = 0; i < 1000 && retry.kinds.size() < 2; ++i) {
        turn(Millis(10));
    }

    EXPECT_EQ(retry.kinds, (std::vector{Kind::Refused, Kind::Connected}));
    EXPECT_TRUE(connection_.has_value());
}

}  // namespace
}  // namespace sluice::net
