// SPDX-License-Identifier: BSD-2-Clause
// The address of `listen` and its canonical key.
// Runs in: tests.
#include "conf/listen_address.h"

#include <gtest/gtest.h>

#include "support/fake_facts.h"

namespace sluice::conf {
namespace {

struct Case {
    const char* text;
    const char* keys;  ///< joined by a blank; "!…": refused with these words
};

class Listen : public testing::TestWithParam<Case> {};

TEST_P(Listen, HasOneKeyPerAddress) {
    FakeFacts facts;

    const auto keys = listen_keys(GetParam().text, 80, facts);

    std::string shown = keys ? "" : "!" + keys.error();
    for (const std::string& key : keys.value_or(std::vector<std::string>{})) {
        shown += (shown.empty() ? "" : " ") + key;
    }
    EXPECT_EQ(shown, GetParam().keys);
}

INSTANTIATE_TEST_SUITE_P(
    Every,
    Listen,
    testing::Values(Case{"8080", "0.0.0.0:8080"},
                    Case{"*:8080", "0.0.0.0:8080"},
                    Case{"*", "0.0.0.0:80"},
                    Case{"127.0.0.1", "127.0.0.1:80"},
                    Case{"127.0.0.1:65535", "127.0.0.1:65535"},
                    Case{"[::]:80", "[::]:80"},
                    Case{"[0:0::0]:80", "[::]:80"},
                    Case{"[::1]", "[::1]:80"},
                    Case{"localhost", "127.0.0.1:80 [::1]:80"},
                    Case{"localhost:81", "127.0.0.1:81 [::1]:81"},
                    Case{"unix:/run/a.sock", "unix:/run/a.sock"},
                    Case{"unix:", "!no path in \"unix:\""},
                    Case{"0", "!invalid port in \"0\""},
                    Case{"65536", "!invalid port in \"65536\""},
                    Case{"127.0.0.1:", "!invalid port in \"127.0.0.1:\""},
                    Case{"127.0.0.1:x", "!invalid port in \"127.0.0.1:x\""},
                    Case{":80", "!no host in \":80\""},
                    Case{"[::1:80", "!invalid host: no closing \"]\" in \"[::1:80\""},
                    Case{"[::g]:80", "!invalid IPv6 address in \"[::g]:80\""},
                    Case{"[::1]80", "!invalid port in \"[::1]80\""},
                    Case{"nowhere.example:80", "!host not found in \"nowhere.example:80\""},
                    Case{"1.2.3.4.5:80", "!host not found in \"1.2.3.4.5:80\""}));

TEST(Listen, RefusesAPathThatNoSocketAddressHolds) {
    FakeFacts facts;
    const std::string fits = "unix:/" + std::string(106, 'a');

    EXPECT_TRUE(listen_keys(fits, 80, facts));
    EXPECT_FALSE(listen_keys(fits + "a", 80, facts));
}

TEST(Listen, KnowsThePortOfAKey) {
    EXPECT_EQ(port_of_key("0.0.0.0:8080"), 8080);
    EXPECT_EQ(port_of_key("[::1]:80"), 80);
    EXPECT_EQ(port_of_key("unix:/a:80"), 0);
}

}  // namespace
}  // namespace sluice::conf
