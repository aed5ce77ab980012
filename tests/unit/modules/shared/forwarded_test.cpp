// SPDX-License-Identifier: BSD-2-Clause
#include "modules/shared/forwarded.h"

#include <array>

#include <gtest/gtest.h>

namespace sluice::modules {
namespace {

class Forwarded : public testing::Test {
  protected:
    std::string client(std::vector<std::string_view> lists, bool is_recursive) const {
        const auto found = forwarded_client(peer, lists, trusted, is_recursive);
        return found ? found->text() : "nobody";
    }

    net::Address peer = *net::Address::parse("10.0.0.1:5");
    std::array<net::Network, 2> networks{*net::Network::parse("10.0.0.0/8"),
                                         *net::Network::parse("2001:db8::/32")};
    Trusted trusted{.networks = networks};
};

TEST_F(Forwarded, TheLastAddressOfTheLastListCounts) {
    EXPECT_EQ(client({"1.1.1.1, 2.2.2.2", "3.3.3.3 ,4.4.4.4, "}, false), "4.4.4.4:0");
    EXPECT_EQ(client({}, false), "nobody");
    EXPECT_EQ(client({""}, false), "nobody");
    EXPECT_EQ(client({" , "}, true), "nobody");
}

TEST_F(Forwarded, RecursionGoesOnWhileTheAddressIsTrusted) {
    EXPECT_EQ(client({"1.1.1.1, 10.1.1.1", "10.2.2.2"}, true), "1.1.1.1:0");
    EXPECT_EQ(client({"1.1.1.1, 2.2.2.2, 10.1.1.1"}, true), "2.2.2.2:0");
    EXPECT_EQ(client({"10.5.5.5, 10.1.1.1"}, true), "10.5.5.5:0");
    EXPECT_EQ(client({"nonsense, 10.1.1.1"}, true), "10.1.1.1:0");
    EXPECT_EQ(client({"1.1.1.1 2001:db8::5"}, true), "1.1.1.1:0");
}

TEST_F(Forwarded, AStrangerIsNotBelieved) {
    peer = *net::Address::parse("8.8.8.8:5");

    EXPECT_EQ(client({"1.1.1.1"}, true), "nobody");
}

TEST(ParseClient, ReadsAddressesWithAndWithoutPorts) {
    EXPECT_EQ(parse_client("1.2.3.4")->text(), "1.2.3.4:0");
    EXPECT_EQ(parse_client("1.2.3.4:56")->text(), "1.2.3.4:56");
    EXPECT_EQ(parse_client("::1")->text(), "[::1]:0");
    EXPECT_EQ(parse_client("[::1]")->text(), "[::1]:0");
    EXPECT_EQ(parse_client("[::1]:80")->text(), "[::1]:80");
    for (const std::string_view text :
         {"", "1.2.3", "1.2.3.4:", "1.2.3.4:99999", "[::1", "::1]", "unix", "unix:/x", "host", "1.2.3.4 "}) {
        EXPECT_FALSE(parse_client(text)) << text;
    }
}

}  // namespace
}  // namespace sluice::modules
