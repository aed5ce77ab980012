// SPDX-License-Identifier: BSD-2-Clause
// Answers of name servers, good and broken.
#include "upstream/dns_answer.h"

#include <gtest/gtest.h>

#include "upstream/refresher.h"

namespace sluice::upstream {
namespace {

using Bytes = std::basic_string<unsigned char>;

Bytes bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

/// Header for one question and `records` answers, and the question "a.b".
Bytes head(unsigned char records) {
    using namespace std::string_view_literals;
    return bytes("\x12\x34\x81\x80\0\1\0"sv) + records + bytes("\0\0\0\0\1a\1b\0\0\1\0\1"sv);
}

/// A record of the name at offset 12.
Bytes record(unsigned char type, unsigned char ttl, std::string_view data) {
    using namespace std::string_view_literals;
    Bytes out = bytes("\xc0\x0c\0"sv);
    out += type;
    out += bytes("\0\1\0\0\0"sv);
    out += ttl;
    out += static_cast<unsigned char>(0);
    out += static_cast<unsigned char>(data.size());
    return out + bytes(data);
}

using namespace std::string_view_literals;

TEST(DnsAnswer, GivesAddressesAsTheyComeAndTheLeastTimeToLive) {
    const Bytes message = head(4) + record(5, 90, "\1c\xc0\x0e"sv) + record(1, 60, "\x7f\0\0\2"sv) +
                          record(1, 30, "\x7f\0\0\3"sv) + record(1, 60, "\x7f\0\0\2"sv);

    const auto answer = parse_dns_answer(message);

    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->addresses.size(), 3U);
    EXPECT_EQ(answer->addresses[0].ip[3], 2);
    EXPECT_EQ(answer->addresses[0].ip_bytes, 4);
    EXPECT_EQ(answer->ttl, 30U);
    EXPECT_EQ(answer->alias, "");
}

TEST(DnsAnswer, GivesTheAliasWhereThereIsNothingElse) {
    const auto answer = parse_dns_answer(head(1) + record(5, 90, "\1C\xc0\x0e"sv));

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->alias, "c.b");
}

TEST(DnsAnswer, ReadsServices) {
    const auto answer = parse_dns_answer(head(2) + record(33, 9, "\0\1\0\2\x1f\x90\1t\xc0\x0e"sv) +
                                         record(33, 9, "\0\1\0\2\x1f\x90\0"sv));

    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->services.size(), 1U);  // "." means that there is none
    EXPECT_EQ(answer->services[0], (ServiceRecord{"t.b", 8080, 1, 2}));
}

TEST(DnsAnswer, ReadsIpv6AndPassesOverOtherTypes) {
    const auto answer =
        parse_dns_answer(head(2) + record(16, 1, "\4text"sv) +
                         record(28, 60, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"sv));

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->addresses.at(0).ip_bytes, 16);
    EXPECT_EQ(answer->ttl, 60U);
}

TEST(DnsAnswer, RefusesWhatIsBroken) {
    EXPECT_FALSE(parse_dns_answer({}));
    EXPECT_FALSE(parse_dns_answer(head(1)));
    EXPECT_FALSE(parse_dns_answer(head(1) + record(1, 1, "\x7f\0\0"sv)));
    EXPECT_FALSE(parse_dns_answer(head(1) + record(33, 1, "\0\1\0\2\x1f"sv)));
    EXPECT_FALSE(parse_dns_answer(head(1) + record(5, 1, "\xc0\xff"sv)));
    EXPECT_FALSE(parse_dns_answer(head(1) + record(5, 1, "\xc0"sv)));
    // A pointer to itself: a jump that leads nowhere.
    const Bytes loop = head(1) + bytes("\xc0\x15"sv);
    EXPECT_FALSE(parse_dns_answer(loop));
}

TEST(DnsAnswer, EveryPrefixIsJudgedWithoutReadingBehindIt) {
    const Bytes whole = head(2) + record(33, 9, "\0\1\0\2\x1f\x90\1t\xc0\x0e"sv) +
                        record(1, 60, "\x7f\0\0\2"sv);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::vector<unsigned char> part(whole.begin(),
                                              whole.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(parse_dns_answer(part)) << size;
    }
}

TEST(Refresher, NamesServicesAsTheyAreAskedFor) {
    EXPECT_EQ(service_name("http", "a.example"), "_http._tcp.a.example");
    EXPECT_EQ(service_name("_http._udp", "a.example"), "_http._udp.a.example");
    EXPECT_EQ(service_name("one.two", "a.example"), "one.two.a.example");
}

}  // namespace
}  // namespace sluice::upstream
