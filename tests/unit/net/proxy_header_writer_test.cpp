// SPDX-License-Identifier: BSD-2-Clause
// What is written for the PROXY protocol: nginx's bytes, and what our own reader makes of them.
#include "net/proxy_header_writer.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "net/proxy_protocol.h"

namespace sluice::net {
namespace {

std::string write(ProxyVersion version,
                  const char* client,
                  const char* server,
                  ProxiedTransport transport = ProxiedTransport::Stream) {
    std::array<char, kMostWrittenProxyHeader> room{};
    const Address from = client[0] == '\0' ? Address{} : *Address::parse(client);
    return std::string(write_proxy_header(version, transport, from, *Address::parse(server), room));
}

TEST(ProxyHeaderWriter, WritesVersion1AsNginxDoes) {
    EXPECT_EQ(write(ProxyVersion::First, "192.0.2.1:51234", "127.0.0.1:80"),
              "PROXY TCP4 192.0.2.1 127.0.0.1 51234 80\r\n");
    EXPECT_EQ(write(ProxyVersion::First, "[2001:db8::1]:1", "[::1]:65535"),
              "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n");
    EXPECT_EQ(write(ProxyVersion::First, "unix:/a", "unix:/b"), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(write(ProxyVersion::First, "", "127.0.0.1:80"), "PROXY UNKNOWN\r\n");
}

TEST(ProxyHeaderWriter, WritesVersion2) {
    using namespace std::string_literals;

    EXPECT_EQ(write(ProxyVersion::Second, "192.0.2.1:258", "127.0.0.1:80"),
              "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\x01\x02\0\x50"s);
    EXPECT_EQ(write(ProxyVersion::Second, "unix:/a", "127.0.0.1:80"),
              "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s);
}

TEST(ProxyHeaderWriter, TellsDatagramsInVersion2) {
    constexpr auto kDatagram = ProxiedTransport::Datagram;

    EXPECT_EQ(write(ProxyVersion::Second, "192.0.2.1:1", "127.0.0.1:2", kDatagram)[13], '\x12');
    EXPECT_EQ(write(ProxyVersion::Second, "[2001:db8::1]:1", "[::1]:2", kDatagram)[13], '\x22');
    EXPECT_EQ(write(ProxyVersion::First, "192.0.2.1:1", "127.0.0.1:2", kDatagram),
              "PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n");
}

TEST(ProxyHeaderWriter, MapsIpv4BesideIpv6) {
    EXPECT_EQ(write(ProxyVersion::First, "[2001:db8::1]:1", "127.0.0.1:80"),
              "PROXY TCP6 2001:db8::1 ::ffff:127.0.0.1 1 80\r\n");
    EXPECT_EQ(write(ProxyVersion::First, "192.0.2.1:1", "[::1]:80"),
              "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 80\r\n");
}

TEST(ProxyHeaderWriter, TheReaderUnderstandsIt) {
    constexpr std::array kLongest = {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff1]:65535",
                                     "192.0.2.1:51234", "[2001:db8::1]:1"};
    constexpr std::array kServers = {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff2]:65534",
                                     "10.1.2.3:443", "[::1]:80"};
    for (const ProxyVersion version : {ProxyVersion::First, ProxyVersion::Second}) {
        for (std::size_t i = 0; i < kLongest.size(); ++i) {
            const std::string text = write(version, kLongest[i], kServers[i]);
            ProxyHeader header;

            const ProxyReading reading = read_proxy_header(text, header);

            EXPECT_EQ(reading.outcome, ProxyOutcome::Told) << text;
            EXPECT_EQ(reading.size, text.size());
            EXPECT_EQ(header.client.unpack().text(), kLongest[i]);
            EXPECT_EQ(header.server.unpack().text(), kServers[i]);
        }
        ProxyHeader header;
        EXPECT_EQ(read_proxy_header(write(version, "unix:/a", "unix:/b"), header).outcome,
                  ProxyOutcome::Silent);
    }
}

}  // namespace
}  // namespace sluice::net
