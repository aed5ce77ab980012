// SPDX-License-Identifier: BSD-2-Clause
// Address and PeerAddress: text to bytes and back.
#include "net/address.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(Address, ParsesAndPrintsTheCanonicalTexts) {
    for (const char* text : {"0.0.0.0:8080", "127.0.0.1:0", "[::]:80", "[::1]:65535",
                             "[2001:db8::1]:443", "unix:/run/s.sock"}) {
        const auto address = Address::parse(text);
        ASSERT_TRUE(address.has_value()) << text;
        EXPECT_EQ(address->text(), text);
    }
}

TEST(Address, RefusesWhatIsNoAddress) {
    for (const char* text : {"", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
                             "localhost:80", "::1:80", "[::1]80", "[::1]", "[]:80",
                             "[127.0.0.1]:80", "256.0.0.1:80", "unix:", "127.0.0.1:-1"}) {
        EXPECT_FALSE(Address::parse(text).has_value()) << text;
    }
    using namespace std::string_view_literals;
    EXPECT_FALSE(Address::parse("127.0.0.1\0:80"sv).has_value());
    EXPECT_FALSE(Address::parse("[::1\0]:80"sv).has_value());
}

TEST(Address, HoldsAUnixPathOf107BytesAndNoMore) {
    const std::string longest = "unix:" + std::string(107, 'p');

    EXPECT_EQ(Address::parse(longest)->path(), std::string(107, 'p'));
    EXPECT_FALSE(Address::parse(longest + "p").has_value());
}

TEST(Address, TellsItsParts) {
    const auto v6 = Address::parse("[::1]:81");
    const auto local = Address::parse("unix:/a");

    EXPECT_EQ(v6->family(), AF_INET6);
    EXPECT_EQ(v6->port(), 81);
    EXPECT_EQ(v6->host(), "::1");
    EXPECT_EQ(local->port(), 0);
    EXPECT_EQ(local->host(), "unix:");
    EXPECT_EQ(Address().text(), "");
}

TEST(Address, AnUnnamedUnixPeerIsPrintedWithoutPath) {
    sockaddr_storage storage{};
    storage.ss_family = AF_UNIX;

    EXPECT_EQ(Address::from_kernel(storage, sizeof(sa_family_t)).text(), "unix:");
}

TEST(Address, ComparesAddressAndPort) {
    EXPECT_EQ(Address::parse("127.0.0.1:80"), Address::parse("127.0.0.1:80"));
    EXPECT_NE(Address::parse("127.0.0.1:80"), Address::parse("127.0.0.1:81"));
    EXPECT_NE(Address::parse("unix:/a"), Address::parse("unix:/b"));
}

TEST(PeerAddress, KnowsLoopbacks) {
    for (const char* text : {"127.0.0.1:1", "127.9.8.7:1", "[::1]:1", "[::ffff:127.0.0.1]:1"}) {
        EXPECT_TRUE(PeerAddress(*Address::parse(text)).is_loopback()) << text;
    }
    for (const char* text : {"128.0.0.1:1", "[::2]:1", "[2001:db8::7f00:1]:1", "unix:/a"}) {
        EXPECT_FALSE(PeerAddress(*Address::parse(text)).is_loopback()) << text;
    }
    EXPECT_FALSE(PeerAddress().is_loopback());
}

TEST(PeerAddress, PacksAndUnpacks) {
    for (const char* text : {"10.1.2.3:4567", "[fe80::1:2]:65535"}) {
        EXPECT_EQ(PeerAddress(*Address::parse(text)).unpack().text(), text);
    }
    EXPECT_EQ(PeerAddress(*Address::parse("unix:/a")).unpack().text(), "unix:");
    EXPECT_EQ(PeerAddress().unpack().text(), "");
}

}  // namespace
}  // namespace sluice::net
