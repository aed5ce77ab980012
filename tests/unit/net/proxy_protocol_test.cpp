// SPDX-License-Identifier: BSD-2-Clause
// Headers of the PROXY protocol: both versions, whole and in pieces, and their TLVs.
#include "net/proxy_protocol.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

constexpr std::string_view kMark("\r\n\r\n\0\r\nQUIT\n", 12);

std::string two_bytes(std::size_t value) {
    return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
}

/// A header of version 2; the first byte behind the mark is `command`.
std::string binary(unsigned char command, unsigned char family, const std::string& rest) {
    std::string out(kMark);
    out += static_cast<char>(command);
    out += static_cast<char>(family);
    return out + two_bytes(rest.size()) + rest;
}

std::string tlv(unsigned char type, std::string_view value) {
    return std::string(1, static_cast<char>(type)) + two_bytes(value.size()) + std::string(value);
}

const std::string kFour("\xC0\x00\x02\x01\xC0\x00\x02\x02\x00\x7B\x16\x2E", 12);

const std::string kSix = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16) +
                         std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16) +
                         two_bytes(123) + two_bytes(5678);

std::string told(const std::string& bytes) {
    ProxyHeader header;
    const ProxyReading reading = read_proxy_header(bytes + "GET /", header);
    if (reading.outcome != ProxyOutcome::Told) {
        return "not told";
    }
    EXPECT_EQ(reading.size, bytes.size());
    return header.client.unpack().text() + " > " + header.server.unpack().text();
}

ProxyOutcome outcome(std::string_view bytes) {
    ProxyHeader header;
    return read_proxy_header(bytes, header).outcome;
}

TEST(ProxyProtocol, VersionOneTellsBothEnds) {
    EXPECT_EQ(told("PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n"),
              "192.0.2.1:123 > 192.0.2.2:5678");
    EXPECT_EQ(told("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"),
              "0.0.0.0:0 > 255.255.255.255:65535");
    EXPECT_EQ(told("PROXY TCP6 2001:Db8::1 2001:db8::2 123 5678\r\n"),
              "[2001:db8::1]:123 > [2001:db8::2]:5678");
}

TEST(ProxyProtocol, VersionTwoTellsBothEnds) {
    EXPECT_EQ(told(binary(0x21, 0x11, kFour)), "192.0.2.1:123 > 192.0.2.2:5678");
    EXPECT_EQ(told(binary(0x21, 0x21, kSix)), "[2001:db8::1]:123 > [2001:db8::2]:5678");
    EXPECT_EQ(told(binary(0x21, 0x11, kFour + tlv(1, "h2"))), "192.0.2.1:123 > 192.0.2.2:5678");
}

TEST(ProxyProtocol, ThoseThatTellNobodyAreSkipped) {
    const std::string all[] = {
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN 1 2 3 anything\r\n",
        binary(0x20, 0x00, ""),                     // LOCAL
        binary(0x20, 0x11, kFour),                  // LOCAL, with addresses
        binary(0x21, 0x00, "whatever"),             // family not said
        binary(0x21, 0x12, kFour),                  // UDP
        binary(0x21, 0x31, std::string(216, 'u')),  // Unix sockets
        binary(0x2f, 0x11, kFour),                  // a command to come
    };
    for (const std::string& bytes : all) {
        ProxyHeader header;
        const ProxyReading reading = read_proxy_header(bytes + "GET /", header);
        EXPECT_EQ(reading.outcome, ProxyOutcome::Silent) << bytes;
        EXPECT_EQ(reading.size, bytes.size()) << bytes;
    }
}

TEST(ProxyProtocol, WaitsForTheLastByteWhereverItIsCut) {
    for (const std::string& bytes : {std::string("PROXY TCP6 2001:db8::1 2001:db8::2 123 5678\r\n"),
                                     std::string("PROXY UNKNOWN\r\n"), binary(0x21, 0x11, kFour),
                                     binary(0x21, 0x21, kSix + tlv(2, "name"))}) {
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_EQ(outcome(std::string_view(bytes).substr(0, size)), ProxyOutcome::More) << size;
        }
        EXPECT_NE(outcome(bytes), ProxyOutcome::More);
    }
}

TEST(ProxyProtocol, BrokenLinesOfVersionOneAreRefused) {
    for (const std::string_view bytes : {
             "GET / HTTP/1.1\r\n",
             "PROXY \r\n",
             "PROXY TCP4\r\n",
             "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
             "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
             "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
             "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
             "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
             "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
             "PROXY TCP4 192.0.2.1 name 1 2\r\n",
             "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
             "PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n",
             "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
             "PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n",
             "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
             "PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n",
             "PROXY TCP6 fe80::1%lo 2001:db8::2 1 2\r\n",
             "PROXY TCP6 ::1]:80:: ::1 1 2\r\n",
             "\r\n",
         }) {
        EXPECT_EQ(outcome(bytes), bytes == "\r\n" ? ProxyOutcome::More : ProxyOutcome::Broken)
            << bytes;
    }
    EXPECT_EQ(outcome("\r\nGET"), ProxyOutcome::Broken);
}

TEST(ProxyProtocol, AFamilyThatThereIsNotIsNotWaitedFor) {
    for (const std::string_view bytes : {"PROXY I", "PROXY TCP5", "PROXY TCP4\r", "PROXY UNKNOWM"}) {
        EXPECT_EQ(outcome(bytes), ProxyOutcome::Broken) << bytes;
    }
}

TEST(ProxyProtocol, ALineThatDoesNotEndIsRefused) {
    const std::string line = "PROXY UNKNOWN " + std::string(200, 'x');
    EXPECT_EQ(outcome(std::string_view(line).substr(0, 106)), ProxyOutcome::More);
    EXPECT_EQ(outcome(std::string_view(line).substr(0, 107)), ProxyOutcome::Broken);
    EXPECT_EQ(outcome(line.substr(0, 105) + "\r\n"), ProxyOutcome::Silent);
    EXPECT_EQ(outcome(line.substr(0, 106) + "\r\n"), ProxyOutcome::Broken);
}

TEST(ProxyProtocol, BrokenHeadersOfVersionTwoAreToldApart) {
    const auto complaint = [](const std::string& bytes) {
        ProxyHeader header;
        return read_proxy_header(bytes, header).complaint;
    };

    EXPECT_EQ(complaint(binary(0x11, 0x11, kFour)), "unknown PROXY protocol version");
    EXPECT_EQ(complaint(binary(0x21, 0x11, kFour.substr(1))), "broken header");
    EXPECT_EQ(complaint(binary(0x21, 0x21, kFour)), "broken header");
    EXPECT_EQ(complaint(binary(0x21, 0x11, kFour + std::string(65000, 't')).substr(0, 16)),
              "header is too large");
    const std::size_t most = kMostProxyHeader - 16;
    EXPECT_EQ(outcome(binary(0x20, 0, std::string(most, 't'))), ProxyOutcome::Silent);
    EXPECT_EQ(complaint(binary(0x20, 0, std::string(most + 1, 't'))), "header is too large");
}

TEST(ProxyProtocol, TlvsHaveTheirNames) {
    std::array<char, 10> room{};
    const std::string inner = tlv(0x21, "TLSv1.3") + tlv(0x22, "client") + tlv(0x23, "AES") +
                              tlv(0x24, "RSA-SHA256") + tlv(0x25, "RSA2048");
    const std::string all = tlv(0x01, "h2") + tlv(0x03, "\1\2\3\4") + tlv(0x02, "a.example") +
                            tlv(0x05, "id") + tlv(0x30, "net") + tlv(0xea, "own") + tlv(0xeb, "") +
                            tlv(0x20, std::string("\x07\xff\xff\xff\xfe", 5) + inner);
    const auto find = [&](std::string_view name) {
        return find_tlv(all, name, room).value_or("none");
    };

    EXPECT_EQ(find("alpn"), "h2");
    EXPECT_EQ(find("authority"), "a.example");
    EXPECT_EQ(find("unique_id"), "id");
    EXPECT_EQ(find("netns"), "net");
    EXPECT_EQ(find("0x01"), "h2");
    EXPECT_EQ(find("0xea"), "own");
    EXPECT_EQ(find("0xEA"), "own");
    EXPECT_EQ(find("0xeb"), "");
    EXPECT_EQ(find("ssl"), std::string("\x07\xff\xff\xff\xfe", 5) + inner);
    EXPECT_EQ(find("ssl_verify"), "4294967294");
    EXPECT_EQ(find("ssl_version"), "TLSv1.3");
    EXPECT_EQ(find("ssl_cn"), "client");
    EXPECT_EQ(find("ssl_cipher"), "AES");
    EXPECT_EQ(find("ssl_sig_alg"), "RSA-SHA256");
    EXPECT_EQ(find("ssl_key_alg"), "RSA2048");
    EXPECT_EQ(find("ssl_0x21"), "TLSv1.3");
    for (const std::string_view name : {"", "cn", "0x", "0x06", "0x1ff", "0xzz", "0x 1", "ssl_",
                                        "ssl_alpn", "ssl_0x01", "nothing"}) {
        EXPECT_EQ(find(name), "none") << name;
    }
}

TEST(ProxyProtocol, BrokenTlvsEndTheSearch) {
    std::array<char, 10> room{};
    const std::string good = tlv(0x02, "name");

    EXPECT_EQ(find_tlv("", "alpn", room), std::nullopt);
    EXPECT_EQ(find_tlv(std::string("\x01\0", 2), "alpn", room), std::nullopt);
    EXPECT_EQ(find_tlv(good + std::string("\x01\0\x05zzzz", 7), "alpn", room), std::nullopt);
    EXPECT_EQ(find_tlv(good + std::string("\x01\0\x05zzzz", 7), "authority", room), "name");
    EXPECT_EQ(find_tlv(tlv(0x20, "1234"), "ssl_verify", room), std::nullopt);
    EXPECT_EQ(find_tlv(tlv(0x20, std::string(5, '\0')), "ssl_cn", room), std::nullopt);
}

}  // namespace
}  // namespace sluice::net
