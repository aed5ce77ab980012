// SPDX-License-Identifier: BSD-2-Clause
// Listening sockets: options that took effect, addresses in use, stale and live Unix sockets.
#include "net/listener_socket.h"

#include <gtest/gtest.h>

#include "sockets.h"

namespace sluice::net {
namespace {

using testing::local_address;
using testing::TempDirectory;

Address unix_address(const TempDirectory& directory) {
    return *Address::parse("unix:" + directory.file("s"));
}

TEST(ListenerSocket, ListensOnAPortOfTheKernelsChoice) {
    const auto fd = open_listener(*Address::parse("127.0.0.1:0"), {});

    ASSERT_TRUE(fd.has_value());
    EXPECT_NE(local_address(fd->get()).port(), 0);
    EXPECT_EQ(sys::get_option(fd->get(), SOL_SOCKET, SO_ACCEPTCONN), 1);
}

TEST(ListenerSocket, SaysBindWhenThePortIsInUse) {
    const auto first = open_listener(*Address::parse("127.0.0.1:0"), {});

    const auto second = open_listener(local_address(first->get()), {});

    ASSERT_FALSE(second.has_value());
    EXPECT_STREQ(second.error().op, "bind()");
    EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST(ListenerSocket, ReuseportLetsTwoBindTheSamePort) {
    const ListenerOptions options{.reuseport = true};
    const auto first = open_listener(*Address::parse("127.0.0.1:0"), options);

    EXPECT_TRUE(open_listener(local_address(first->get()), options).has_value());
}

TEST(ListenerSocket, SetsTheOptionsAsked) {
    const ListenerOptions options{
        .deferred = true, .keepalive = true, .receive_buffer = Bytes{8192}};
    const auto fd = open_listener(*Address::parse("127.0.0.1:0"), options);

    ASSERT_TRUE(fd.has_value());
    EXPECT_EQ(sys::get_option(fd->get(), SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(sys::get_option(fd->get(), SOL_SOCKET, SO_RCVBUF), 16384);
    EXPECT_GT(sys::get_option(fd->get(), IPPROTO_TCP, TCP_DEFER_ACCEPT).value(), 0);
}

TEST(ListenerSocket, ADatagramSocketIsBoundAndDoesNotListen) {
    const auto fd = open_listener(*Address::parse("127.0.0.1:0"), {.is_datagram = true});

    ASSERT_TRUE(fd.has_value());
    EXPECT_EQ(sys::get_option(fd->get(), SOL_SOCKET, SO_ACCEPTCONN), 0);
}

TEST(ListenerSocket, ReplacesAStaleUnixSocketAndSetsItsMode) {
    const TempDirectory directory;
    const Address address = unix_address(directory);
    (void)open_listener(address, {});  // closed at once: its file stays, nobody listens

    const auto fd = open_listener(address, {.unix_mode = 0600});

    ASSERT_TRUE(fd.has_value()) << fd.error().op;
    const auto info = sys::file_info_at(AT_FDCWD, directory.file("s").c_str(), false);
    EXPECT_TRUE(info->is_socket());
    EXPECT_EQ(info->mode & 0777U, 0600U);
    const auto client = sys::socket(AF_UNIX, SOCK_STREAM);
    EXPECT_TRUE(sys::connect(client->get(), address.raw(), address.size()).has_value());
}

TEST(ListenerSocket, RefusesALiveUnixSocketAndLeavesItAlone) {
    const TempDirectory directory;
    const Address address = unix_address(directory);
    const auto live = open_listener(address, {.backlog = 1});

    const auto second = open_listener(address, {});

    ASSERT_FALSE(second.has_value());
    EXPECT_STREQ(second.error().op, "bind()");
    EXPECT_EQ(second.error().code, EADDRINUSE);
    const auto client = sys::socket(AF_UNIX, SOCK_STREAM);
    EXPECT_TRUE(sys::connect(client->get(), address.raw(), address.size()).has_value());
}

TEST(ListenerSocket, ALiveUnixSocketWithAFullQueueIsNotStale) {
    const TempDirectory directory;
    const Address address = unix_address(directory);
    const auto live = open_listener(address, {.backlog = 0});
    const auto a = sys::socket(AF_UNIX, SOCK_STREAM);
    const auto b = sys::socket(AF_UNIX, SOCK_STREAM);
    ASSERT_TRUE(sys::connect(a->get(), address.raw(), address.size()).has_value());
    ASSERT_EQ(sys::connect(b->get(), address.raw(), address.size()).error().code, EAGAIN);

    EXPECT_EQ(open_listener(address, {}).error().code, EADDRINUSE);
}

TEST(ListenerSocket, NeverReplacesAFileThatIsNoSocket) {
    const TempDirectory directory;
    (void)sys::open(directory.file("s").c_str(), O_CREAT | O_WRONLY, 0600);

    const auto fd = open_listener(unix_address(directory), {});

    ASSERT_FALSE(fd.has_value());
    EXPECT_EQ(fd.error().code, EADDRINUSE);
    EXPECT_TRUE(sys::file_info_at(AT_FDCWD, directory.file("s").c_str(), false)->is_regular());
}

}  // namespace
}  // namespace sluice::net
