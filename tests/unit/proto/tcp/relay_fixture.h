// SPDX-License-Identifier: BSD-2-Clause
// What the tests of the relay share: a relay between two loopback connections, whose far ends the
// test holds, and a clock of its own.
#pragma once

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "../../net/sockets.h"
#include "proto/tcp/relay.h"

namespace sluice::tcp::testing {

class RelayTest : public ::testing::Test {
  protected:
    inline static Millis clock_{0};  // Clocks holds plain functions

    RelayTest() {
        std::signal(SIGPIPE, SIG_IGN);  // splice sends it; the server has all signals blocked
        clock_ = Millis(1'000'000);
        loop_ = event::Loop::create({.monotonic = [] { return clock_; }}).value();
    }

    void start(const FirstBytes& first = {}) {
        net::testing::TcpPair one = is_client_unix_ ? unix_pair() : net::testing::tcp_pair();
        net::testing::TcpPair two = is_upstream_unix_ ? unix_pair() : net::testing::tcp_pair();
        client_ = std::move(one.client);
        upstream_ = std::move(two.client);
        connect(pair_a_, std::move(one.server));
        connect(pair_b_, std::move(two.server));
        relay_.emplace(pools_, options_);
        relay_->owner = this;
        relay_->on_end = [](Relay& self, const RelayOutcome& outcome) {
            auto& test = *static_cast<RelayTest*>(self.owner);
            EXPECT_FALSE(test.outcome_.has_value()) << "told twice";
            test.outcome_ = outcome;
        };
        relay_->start(*pair_a_, *pair_b_, first);
        EXPECT_FALSE(outcome_.has_value()) << "told inside start()";
        turn();
    }

    void turn() {
        for (int i = 0; i < 4; ++i) {
            ASSERT_TRUE(loop_->run_once(Millis(0)).has_value());
        }
    }

    // On a busy machine the kernel may deliver later, so whatever is expected is waited for.
    template <class Condition>
    [[nodiscard]] bool turn_until(Condition condition) {
        for (int i = 0; i < 5000; ++i) {
            if (condition()) {
                return true;
            }
            EXPECT_TRUE(loop_->run_once(Millis(1)).has_value());
        }
        return condition();
    }

    [[nodiscard]] bool ends() {
        return turn_until([this] { return outcome_.has_value(); });
    }

    void advance(Millis time) {
        turn();
        clock_ += time;
        turn();
    }

    void client_sends(std::string_view text) { send(client_, text); }

    void upstream_sends(std::string_view text) { send(upstream_, text); }

    // What has arrived, `size` bytes at least.
    std::string at_client(std::size_t size) { return arrived(client_, size); }

    std::string at_upstream(std::size_t size) { return arrived(upstream_, size); }

    [[nodiscard]] bool has_ended(const sys::UniqueFd& fd) {
        return turn_until([&fd] {
            char byte = 0;
            const Result<sys::Transfer> got = sys::recv(fd.get(), {&byte, 1});
            return got && got->is_end;
        });
    }

    // Fills every queue on the way to the upstream, which does not read.
    std::string flood_from_client() {
        std::string sent;
        for (unsigned dry = 0, seed = 0; dry < 5; ++seed) {
            const std::string piece = net::testing::pattern(300'000, seed);
            const Result<sys::Transfer> put = sys::send(client_.get(), piece);
            sent.append(piece, 0, put ? put->size : 0);
            dry = put && put->size > 0 ? 0 : dry + 1;
            EXPECT_TRUE(loop_->run_once(Millis(1)).has_value());
        }
        return sent;
    }

    std::string pump_from_client(const std::string& text) {
        std::string out;
        std::size_t sent = 0;
        EXPECT_TRUE(turn_until([&] {
            const Result<sys::Transfer> put =
                sys::send(client_.get(), std::string_view(text).substr(sent));
            sent += put ? put->size : 0;
            out += net::testing::read_available(upstream_.get());
            return out.size() >= text.size();
        }));
        return out;
    }

    std::unique_ptr<event::Loop> loop_;
    RelayPools pools_;
    RelayOptions options_;
    bool is_client_unix_ = false;
    bool is_upstream_unix_ = false;
    sys::UniqueFd client_;
    sys::UniqueFd upstream_;
    std::optional<net::OwnedConnection> pair_a_;
    std::optional<net::OwnedConnection> pair_b_;
    std::optional<Relay> relay_;
    std::optional<RelayOutcome> outcome_;

  private:
    static net::testing::TcpPair unix_pair() {
        sys::SocketPair pair = sys::socketpair(SOCK_STREAM).value();
        return {.server = std::move(pair.first), .client = std::move(pair.second)};
    }

    std::string arrived(const sys::UniqueFd& fd, std::size_t size) {
        std::string out;
        EXPECT_TRUE(turn_until([&] {
            out += net::testing::read_available(fd.get());
            return out.size() >= size;
        })) << out.size()
            << " of " << size << " bytes arrived";
        return out;
    }

    void connect(std::optional<net::OwnedConnection>& into, sys::UniqueFd socket) {
        into.emplace(*loop_, std::move(socket), net::Address{}, ListenerId{});
        into->assume(false, true);
        into->on_event = [](net::Connection&) {};
        into->on_deadline = [](net::Connection&) {};
        EXPECT_TRUE(into->watch().has_value());
    }

    static void send(const sys::UniqueFd& from, std::string_view text) {
        const Result<sys::Transfer> put = sys::send(from.get(), text);
        ASSERT_TRUE(put.has_value());
        ASSERT_EQ(put->size, text.size());
    }
};

}  // namespace sluice::tcp::testing
