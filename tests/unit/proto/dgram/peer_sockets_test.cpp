// SPDX-License-Identifier: BSD-2-Clause
// PeerSockets: what is used again is as good as new.
#include "proto/dgram/peer_sockets.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "../../net/sockets.h"
#include "sys/socket.h"

namespace sluice::dgram {
namespace {

Millis fake_now{1000};

class PeerSocketsTest : public testing::Test {
  protected:
    static sys::UniqueFd bound() {
        return net::open_listener(*net::Address::parse("127.0.0.1:0"), {.is_datagram = true})
            .value();
    }

    PeerSocket& open(int peer, const net::ConnectOptions& options = {.is_datagram = true}) {
        return **sockets_.open(net::testing::local_address(peer), options, client());
    }

    /// Never looked into here: PeerSockets only hands it on.
    static Client& client() {
        static std::array<std::max_align_t, 64> memory{};
        return *static_cast<Client*>(static_cast<void*>(memory.data()));
    }

    static std::string receive(int fd) {
        std::array<char, 100> bytes{};
        const auto got = sys::recv(fd, bytes);
        return got && !got->is_blocked ? std::string(bytes.data(), got->size) : std::string();
    }

    static void pass(Millis time) { fake_now += time; }

    void turn() { ASSERT_TRUE(loop_->run_once(Millis(0))); }

    std::unique_ptr<event::Loop> loop_ =
        *event::Loop::create({.monotonic = [] { return fake_now; }});
    PeerSockets sockets_{*loop_, [](event::Pollable&, std::uint32_t) {}};
    sys::UniqueFd peer_ = bound();
};

TEST_F(PeerSocketsTest, ASocketRestsBeforeItIsUsedAgain) {
    PeerSocket& first = open(peer_.get());
    const int fd = first.fd;
    sockets_.give_back(first);
    EXPECT_EQ(sockets_.parked(), 1U);

    PeerSocket& second = open(peer_.get());
    EXPECT_NE(second.fd, fd) << "another processor may still be busy with it";
    pass(Millis(10));
    turn();
    PeerSocket& third = open(peer_.get());
    EXPECT_EQ(third.fd, fd);
    EXPECT_EQ(sockets_.parked(), 0U);
    EXPECT_EQ(sockets_.in_use(), 2U);
    sockets_.give_back(second);
    sockets_.give_back(third);
}

TEST_F(PeerSocketsTest, NothingOfTheOldSessionReachesTheNew) {
    PeerSocket& old = open(peer_.get());
    const net::Address before = net::testing::local_address(old.fd);
    // What has come and was not read, and what comes when the session is over.
    ASSERT_TRUE(sys::connect(peer_.get(), before.raw(), before.size()));
    ASSERT_TRUE(sys::send(peer_.get(), std::string_view("late")));
    sockets_.give_back(old);
    (void)sys::send(peer_.get(), std::string_view("later"));
    pass(Millis(10));
    turn();

    // Its port is free, and somebody else's now: the socket has to take another one.
    const auto somebody = net::open_listener(before, {.is_datagram = true});
    ASSERT_TRUE(somebody);
    const sys::UniqueFd other = bound();
    PeerSocket& fresh = open(other.get());

    EXPECT_EQ(receive(fresh.fd), "");
    EXPECT_FALSE(net::testing::local_address(fresh.fd) == before);
    sockets_.give_back(fresh);
}

TEST_F(PeerSocketsTest, ASocketWithAnAddressOfItsOwnIsClosed) {
    const net::Address from = *net::Address::parse("127.0.0.3:0");
    PeerSocket& bound_one = open(peer_.get(), {.from = &from, .is_datagram = true});

    sockets_.give_back(bound_one);

    EXPECT_EQ(sockets_.parked(), 0U);
    EXPECT_EQ(sockets_.in_use(), 0U);
}

TEST_F(PeerSocketsTest, ParkedOnesAreClosedWhenDescriptorsRunOut) {
    PeerSocket& one = open(peer_.get());
    PeerSocket& two = open(peer_.get());
    sockets_.give_back(one);
    sockets_.give_back(two);

    EXPECT_EQ(sockets_.close_parked(), 2U);
    EXPECT_EQ(sockets_.parked(), 0U);
    EXPECT_EQ(sockets_.in_use(), 0U);
}

}  // namespace
}  // namespace sluice::dgram
