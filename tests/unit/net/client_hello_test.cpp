// SPDX-License-Identifier: BSD-2-Clause
// Runs in: tests.
#include "net/client_hello.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

std::string sized(std::size_t count, std::string_view data) {
    std::string out;
    for (std::size_t i = count; i-- > 0;) {
        out += static_cast<char>(data.size() >> (8 * i) & 0xffU);
    }
    return out + std::string(data);
}

std::string extension(char kind, std::string_view data) {
    return std::string{'\0', kind} + sized(2, data);
}

std::string server_name(std::string_view name) {
    return extension(0, sized(2, std::string(1, '\0') + sized(2, name)));
}

std::string message(std::string_view extensions) {
    std::string body("\x03\x03", 2);
    body += std::string(32, 'r') + sized(1, "") + sized(2, "\x13\x01") + sized(1, std::string(1, '\0'));
    body += sized(2, extensions);
    return "\x01" + sized(3, body);
}

std::string in_records(std::string_view text, std::size_t size) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size) {
        out += "\x16\x03\x01" + sized(2, text.substr(at, size));
    }
    return out;
}

struct Reading {
    Arena arena;
    ClientHello hello;
    HelloOutcome outcome;

    explicit Reading(std::string_view bytes) : outcome(read_client_hello(bytes, arena, hello)) {}
};

const std::string kExtensions = server_name("a.example") + extension(16, sized(2, sized(1, "h2"))) +
                                extension(43, sized(1, std::string("\x0a\x0a\x03\x04", 4)));

TEST(ClientHello, TellsNameProtocolsAndVersion) {
    const std::string bytes = in_records(message(kExtensions), 10'000);
    const Reading reading(bytes);

    ASSERT_EQ(reading.outcome, HelloOutcome::Read);
    EXPECT_EQ(reading.hello.server_name, "a.example");
    EXPECT_EQ(reading.hello.protocols, "\x02h2");
    EXPECT_EQ(reading.hello.version, TlsVersion::Tls13);
}

TEST(ClientHello, SaysTheSameHoweverItIsCut) {
    for (const std::size_t size : {1U, 2U, 3U, 4U, 5U, 60U}) {
        const std::string bytes = in_records(message(kExtensions), size);
        for (std::size_t part = 0; part < bytes.size(); ++part) {
            EXPECT_EQ(Reading(std::string_view(bytes).substr(0, part)).outcome, HelloOutcome::More)
                << size << ' ' << part;
        }
        const Reading reading(bytes);
        EXPECT_EQ(reading.outcome, HelloOutcome::Read) << size;
        EXPECT_EQ(reading.hello.server_name, "a.example") << size;
    }
}

TEST(ClientHello, NeedsNoRoomWhereItIsInOneRecord) {
    const std::string whole = in_records(message(kExtensions), 10'000);
    const std::string split = in_records(message(kExtensions), 20);
    Arena none(64, 0);
    ClientHello hello;

    EXPECT_EQ(read_client_hello(whole, none, hello), HelloOutcome::Read);
    EXPECT_EQ(read_client_hello(split, none, hello), HelloOutcome::NoTls);
    EXPECT_EQ(hello.server_name, "");
}

TEST(ClientHello, SomethingElseIsToldByItsFirstByte) {
    for (const std::string_view bytes : {"G", "\x15", "\x16\x02", "\x16\x03\x01\x40\x01"}) {
        EXPECT_EQ(Reading(bytes).outcome, HelloOutcome::NoTls) << bytes;
    }
    EXPECT_EQ(Reading("").outcome, HelloOutcome::More);
}

TEST(ClientHello, TwoNamesAreNone) {
    const std::string one = std::string(1, '\0') + sized(2, "a");
    const std::string list = extension(16, sized(2, sized(1, "h2")));
    for (const std::string& extensions : {server_name("a") + server_name("b"),
                                          extension(0, sized(2, one + one)), list + list}) {
        EXPECT_EQ(Reading(in_records(message(extensions), 10'000)).outcome, HelloOutcome::NoTls);
    }
}

TEST(ClientHello, LengthsThatDoNotFitAreRefused) {
    const std::string good = message(kExtensions);
    for (std::size_t at = 38; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = '\xff';
        const std::string bytes = in_records(bad, 10'000);
        const Reading reading(bytes);
        if (reading.outcome == HelloOutcome::Read) {
            EXPECT_LE(reading.hello.server_name.size(), good.size()) << at;
        } else {
            EXPECT_EQ(reading.hello.server_name, "") << at;
        }
    }
}

}  // namespace
}  // namespace sluice::net
