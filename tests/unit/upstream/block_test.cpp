// SPDX-License-Identifier: BSD-2-Clause
// What `upstream` blocks and targets may say, and what is said about those that may not.
#include "upstream_fixture.h"

namespace sluice::upstream {
namespace {

struct Refusal {
    const char* text;
    const char* message;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, SaysWhy) {
    const UpstreamFixture site(GetParam().text);

    EXPECT_NE(site.complaints().find(GetParam().message), std::string::npos) << site.complaints();
    EXPECT_FALSE(site.generation);
}

INSTANTIATE_TEST_SUITE_P(
    Upstream, Refused,
    testing::Values(
        Refusal{"stream { upstream u { } }", "no servers are inside upstream"},
        Refusal{"stream { upstream u { server 127.0.0.1; } }", "no port in upstream \"127.0.0.1\""},
        Refusal{"stream { upstream u { server 127.0.0.1:x; } }", "invalid port in upstream"},
        Refusal{"stream { upstream u { server 127.0.0.1:70000; } }", "invalid port in upstream"},
        Refusal{"stream { upstream u { server :80; } }", "no host in upstream"},
        Refusal{"stream { upstream u { server [::1:80; } }", "invalid host in upstream"},
        Refusal{"stream { upstream u { server unix:; } }", "no path in the unix domain socket"},
        Refusal{"http { upstream u { server a weight=0; } }", "invalid parameter \"weight=0\""},
        Refusal{"http { upstream u { server a max_fails=x; } }", "invalid parameter \"max_fails=x\""},
        Refusal{"http { upstream u { server a fail_timeout=x; } }", "invalid parameter \"fail_timeout=x\""},
        Refusal{"http { upstream u { server a nonsense; } }", "invalid parameter \"nonsense\""},
        Refusal{"http { upstream u { server 1.2.3.4; } upstream U { server 1.2.3.4; } }",
                "duplicate upstream \"U\""},
        Refusal{"http { upstream u { zone z 8k; server 1.2.3.4; } }", "zone \"z\" is too small"},
        Refusal{"http { upstream u { zone z x; server 1.2.3.4; } }", "invalid zone size \"x\""},
        Refusal{"http { upstream u { zone z; server 1.2.3.4; } }", "zero size shared memory zone \"z\""},
        Refusal{"http { upstream u { zone z 64m; server 1.2.3.4; } upstream v { zone z 32m; server 1.2.3.4; } }",
                "conflicts with already declared size"},
        Refusal{"http { upstream u { server a.example service=x; } }", "requires \"resolve\" parameter"},
        Refusal{"http { upstream u { server a.example:80 resolve service=x; } }", "may not have port"},
        Refusal{"http { upstream u { server 1.2.3.4 resolve service=x; } }", "requires domain name"},
        Refusal{"http { resolver 127.0.0.1 valid=x; }", "invalid parameter: valid=x"},
        Refusal{"http { resolver 127.0.0.1 ipv6=maybe; }", "invalid parameter: ipv6=maybe"},
        Refusal{"http { resolver 127.0.0.1 ipv4=off ipv6=off; }", "cannot both be \"off\""},
        Refusal{"http { resolver valid=3s; }", "no name servers defined"},
        Refusal{"http { resolver nowhere.example; }", "host not found in resolver \"nowhere.example\""},
        Refusal{"compat nginx; http { upstream u { server a.example; } }",
                "host not found in upstream \"a.example\""},
        Refusal{"compat nginx; http { upstream u { server a.example resolve; } }",
                "to be in shared memory"},
        Refusal{"compat nginx; http { upstream u { zone z 64k; server a.example resolve; } }",
                "no resolver defined to resolve names at run time in upstream \"u\""},
        Refusal{"stream { target 127.0.0.1; }", "no port in upstream \"127.0.0.1\""},
        Refusal{"stream { upstream u { server 1.2.3.4:5; } target u:80; }",
                "upstream \"u\" may not have port 80"}));

TEST(Block, TargetFindsABlockFurtherDownOrMakesAGroup) {
    const UpstreamFixture site("stream { target back; upstream back { server 127.0.0.1:1; } }"
                               "http { target localhost; upstream back { server 127.0.0.1:2; } }");

    ASSERT_TRUE(site.generation) << site.complaints();
    const auto target_at = [&](conf::Context context) -> const TargetUse& {
        return site.generation->find_level(context, 0)->conf<OuterConf>().target;
    };
    EXPECT_EQ(target_at(conf::kStream).group().known_peers().peers[0]->name, "127.0.0.1:1");
    const PeerSet& peers = target_at(conf::kHttp).group().known_peers();
    ASSERT_EQ(peers.peers.size(), 2U);
    EXPECT_EQ(peers.peers[0]->name, "127.0.0.1:80");
    EXPECT_EQ(peers.peers[1]->name, "[::1]:80");
}

TEST(Block, NameThatIsNotKnownIsDownWithAWarning) {
    UpstreamFixture site(
        "stream { upstream u { server 127.0.0.1:1; server nowhere.example:2; } }");

    ASSERT_TRUE(site.generation);
    EXPECT_NE(site.complaints().find("host not found in upstream \"nowhere.example:2\""),
              std::string::npos);
    EXPECT_EQ(site.ports("u", 2), "1 1");
}

TEST(Block, ReadsEveryParameter) {
    const UpstreamFixture site(
        "http { upstream u { zone z 64k; server 127.0.0.1 weight=3 max_conns=4 max_fails=5"
        " fail_timeout=6s slow_start=7s backup; server unix:/run/a down; } "
        "upstream v { zone z; server 127.0.0.1; } }");

    ASSERT_TRUE(site.generation) << site.complaints();
    const PeerSet& peers = site.group("u").known_peers();
    const Peer& backup = *peers.backup.at(0);
    EXPECT_EQ(backup.weight, 3U);
    EXPECT_EQ(backup.max_conns, 4U);
    EXPECT_EQ(backup.max_fails, 5U);
    EXPECT_EQ(backup.fail_timeout, Millis(6000));
    EXPECT_EQ(backup.slow_start, Millis(7000));
    EXPECT_EQ(backup.name, "127.0.0.1:80");
    EXPECT_TRUE(peers.peers.at(0)->is_down);
    EXPECT_EQ(peers.peers.at(0)->name, "unix:/run/a");
    EXPECT_EQ(site.group("u").spec().zone, site.group("v").spec().zone);
}

}  // namespace
}  // namespace sluice::upstream
