// SPDX-License-Identifier: BSD-2-Clause
// What every balancing method promises (the contract), and what each does of its own. Keys and their
// peers are those that Debian's nginx 1.22 gives.
// Runs in: tests.
#include <set>

#include "../../upstream/upstream_fixture.h"
#include "modules/balancer/features.h"
#include "script/dialect.h"

namespace sluice::modules {
namespace {

using upstream::Attempt;
using upstream::Peer;
using upstream::UpstreamFixture;

constexpr const conf::Module* kMethods[] = {&kLeastConn, &kLeastTime, &kHash, &kIpHash, &kRandom};

/// `$key`: the subject itself.
script::Value key_of(const void* subject, Arena&, std::string_view) {
    return {*static_cast<const std::string_view*>(subject)};
}

constexpr script::VariableRow kVariables[] = {{.name = "key", .get = &key_of, .sentence = ""}};
constexpr std::span<const script::VariableRow> kLists[] = {kVariables};
constexpr script::Dialect kDialect{
    .variables = [](conf::Build&) { return script::VariableTable(kLists); }};

struct Site : UpstreamFixture {
    explicit Site(std::string_view text) : UpstreamFixture(prepare(text), kMethods) {}

    static std::string_view prepare(std::string_view text) {
        upstream::OuterConf::dialect = &kDialect;
        return text;
    }

    std::string peer_of(std::string_view key) { return ports("u", 1, &key); }
};

std::string servers(int count, std::string_view more = "") {
    std::string out;
    for (int i = 1; i <= count; ++i) {
        out += "server 127.0.0.1:" + std::to_string(i) + std::string(more) + "; ";
    }
    return out;
}

std::string site_of(std::string_view method, std::string_view list) {
    return "http { upstream u { " + std::string(method) + " " + std::string(list) + "} }";
}

// ---- the contract ----

class Contract : public testing::TestWithParam<const char*> {
  protected:
    std::string_view key = "k";
};

TEST_P(Contract, AsksEveryPeerOnceUntilNobodyIsLeft) {
    Site site(site_of(GetParam(), servers(5)));
    Attempt attempt;
    site.begin(attempt, "u", &key);
    std::set<int> asked;

    while (const Peer* const peer = attempt.next(site.now)) {
        EXPECT_TRUE(asked.insert(peer->address.port()).second);
        attempt.fail(site.now);
    }

    EXPECT_EQ(asked.size(), 5U);
}

TEST_P(Contract, NeverGivesWhatMayNotBeAsked) {
    Site site(site_of(GetParam(), "server 127.0.0.1:1 down; server 127.0.0.1:2 max_conns=1;"
                                  "server 127.0.0.1:3; server 127.0.0.1:4;"));
    auto& peers = site.group("u").known_peers().peers;
    peers[3]->state->health.set(upstream::Health::Unhealthy);
    Attempt holds;
    while (holds.peer() == nullptr || holds.peer()->address.port() != 2) {
        site.begin(holds, "u", &key);
        while (const Peer* const peer = holds.next(site.now)) {
            if (peer->address.port() == 2) {
                break;
            }
            holds.pass_on(site.now);
        }
    }

    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(site.ports("u", 1, &key), "3");
    }
}

TEST_P(Contract, GivesBackEverything) {
    Site site(site_of(GetParam(), servers(3, " weight=2")));
    for (int i = 0; i < 100; ++i) {
        Attempt attempt;
        site.begin(attempt, "u", &key);
        while (attempt.next(site.now) != nullptr && i % 3 != 0) {
            attempt.pass_on(site.now);
        }
    }

    for (const auto& peer : site.group("u").known_peers().peers) {
        EXPECT_EQ(peer->state->connections.get(), 0U);
        EXPECT_EQ(peer->state->inflight_since.get(), 0);
    }
}

TEST_P(Contract, OnePeerIsAskedWhateverItDid) {
    Site site(site_of(GetParam(), servers(1)));
    for (int i = 0; i < 3; ++i) {
        Attempt attempt;
        site.begin(attempt, "u", &key);
        ASSERT_NE(attempt.next(site.now), nullptr);
        attempt.fail(site.now);
    }
}

INSTANTIATE_TEST_SUITE_P(Methods,
                         Contract,
                         testing::Values("",
                                         "least_conn;",
                                         "least_time header;",
                                         "least_time last_byte inflight;",
                                         "hash $key;",
                                         "hash $key consistent;",
                                         "hash '';",
                                         "ip_hash;",
                                         "random;",
                                         "random two;",
                                         "random two least_time=header;"));

// ---- each of its own ----

TEST(LeastConn, TakesTheFewestForItsWeightAndTurnsAmongEquals) {
    Site site(site_of("least_conn;", "server 127.0.0.1:1 weight=2; server 127.0.0.1:2;"));
    std::string order;
    std::vector<std::unique_ptr<Attempt>> held;
    for (int i = 0; i < 6; ++i) {
        held.push_back(std::make_unique<Attempt>());
        site.begin(*held.back(), "u");
        order += std::to_string(held.back()->next(site.now)->address.port());
    }

    EXPECT_EQ(order, "121211");
}

TEST(LeastConn, GoesToTheBackupWhenNobodyElseMay) {
    Site site(site_of("least_conn;", "server 127.0.0.1:1 max_conns=1; server 127.0.0.1:2 backup;"));
    Attempt held;
    site.begin(held, "u");
    ASSERT_EQ(held.next(site.now)->address.port(), 1);

    EXPECT_EQ(site.ports("u", 2), "2 2");
}

TEST(LeastTime, PrefersTheFasterAndSharesByLoad) {
    Site site("stream { upstream u { least_time connect; " + servers(2) + "} }");
    const auto& peers = site.group("u").known_peers().peers;
    peers[0]->state->connect_average.set(10 * 1024);
    peers[1]->state->connect_average.set(30 * 1024);
    std::string order;
    std::vector<std::unique_ptr<Attempt>> held;
    for (int i = 0; i < 8; ++i) {
        held.push_back(std::make_unique<Attempt>());
        site.begin(*held.back(), "u");
        order += std::to_string(held.back()->next(site.now)->address.port());
    }

    EXPECT_EQ(std::ranges::count(order, '1'), 6) << order;
    EXPECT_EQ(order.front(), '1');
}

TEST(LeastTime, TakesTurnsAmongThoseThatDifferByLessThanAMillisecond) {
    Site site("stream { upstream u { least_time first_byte; " + servers(2) + "} }");
    const auto& peers = site.group("u").known_peers().peers;
    peers[0]->state->first_byte_average.set(5 * 1024);
    peers[1]->state->first_byte_average.set(5 * 1024 + 300);

    EXPECT_EQ(site.ports("u", 4), "1 2 1 2");
}

TEST(LeastTime, InflightSeesAPeerThatHangs) {
    Site site("stream { upstream u { least_time last_byte inflight; " + servers(2) + "} }");
    const auto& peers = site.group("u").known_peers().peers;
    peers[0]->state->last_byte_average.set(1 * 1024);
    peers[1]->state->last_byte_average.set(50 * 1024);
    Attempt hangs;
    site.begin(hangs, "u");
    ASSERT_EQ(hangs.next(site.now)->address.port(), 1);

    site.now += Millis(1000);

    EXPECT_EQ(site.ports("u", 3), "2 2 2");
}

TEST(IpHash, KeepsANetworkTogether) {
    Site site(site_of("ip_hash;", servers(7)));
    const auto peer_for = [&](const char* client) {
        site.client = *net::Address::parse(client);
        return site.ports("u", 1);
    };
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        seen.insert(peer_for(("10.0." + std::to_string(i) + ".1:1").c_str()));
    }

    EXPECT_EQ(peer_for("10.1.2.3:1"), peer_for("10.1.2.200:9"));
    EXPECT_EQ(seen.size(), 7U);
    EXPECT_EQ(peer_for("[2001:db8::1]:5"), peer_for("[2001:db8::1]:6"));
}

TEST(IpHash, GivesEachNetworkThePeerThatNginxGivesIt) {
    Site site("http { upstream u { ip_hash; server 127.0.0.1:18201; server 127.0.0.1:18202 weight=3; "
              "server 127.0.0.1:18203; server 127.0.0.1:18204 weight=2; server 127.0.0.1:18205; } }");
    std::string peers;

    for (int i = 0; i < 60; ++i) {
        site.client = *net::Address::parse("127." + std::to_string(i) + ".7.1:5");
        peers += site.ports("u", 1).back();
    }

    EXPECT_EQ(peers, "512223445122234451223445122234451222344512223445122234451222");
}

TEST(Random, FollowsTheWeights) {
    Site site(site_of("random;", "server 127.0.0.1:1 weight=3; server 127.0.0.1:2;"));

    const std::string drawn = site.ports("u", 4000);

    const auto ones = std::ranges::count(drawn, '1');
    EXPECT_GT(ones, 2700);  // 3000 expected; 11 standard deviations
    EXPECT_LT(ones, 3300);
}

TEST(Random, TwoTakesTheIdlerOne) {
    Site site(site_of("random two;", servers(2)));
    Attempt held;
    site.begin(held, "u");
    const int busy = held.next(site.now)->address.port();

    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(site.ports("u", 1), busy == 1 ? "2" : "1");
    }
}

/// The peers of the keys 127.0.0.1 … 127.0.0.60, as nginx chose among ports 18201 … 18205 of weights
/// 1, 3, 1, 2, 1.
struct Golden {
    const char* method;
    const char* fourth;  ///< parameter of the fourth server
    std::string_view peers;
};

class HashOfNginx : public testing::TestWithParam<Golden> {};

TEST_P(HashOfNginx, GivesEachKeyTheSamePeer) {
    Site site("stream { upstream u { " + std::string(GetParam().method) +
              "; server 127.0.0.1:18201; server 127.0.0.1:18202 weight=3; server 127.0.0.1:18203; "
              "server 127.0.0.1:18204 weight=2 " + GetParam().fourth +
              "; server 127.0.0.1:18205; } }");
    std::string peers;

    for (int i = 1; i <= 60; ++i) {
        peers += site.peer_of("127.0.0." + std::to_string(i)).back();
    }

    EXPECT_EQ(peers, GetParam().peers);
}

INSTANTIATE_TEST_SUITE_P(
    Hash, HashOfNginx,
    testing::Values(
        Golden{"hash $key", "",
               "542422323245132242432242451515124243232421523424242231542421"},
        Golden{"hash $key", "down",
               "522322323225132222232222251515122223232221523222222231522221"},
        Golden{"hash $key consistent", "",
               "223513523244222522422224354554243252421133344241314242254322"},
        Golden{"hash $key consistent", "down",
               "223513523223222522522221355552233252321133321221312222252322"}));

TEST(Hash, ConsistentMovesOnlyTheKeysOfTheLostPeer) {
    Site all(site_of("hash $key consistent;", servers(5)));
    Site fewer(site_of("hash $key consistent;",
                       servers(2) + "server 127.0.0.1:3 down; server 127.0.0.1:4; server 127.0.0.1:5;"));
    int lost = 0;
    for (int i = 0; i < 500; ++i) {
        const std::string key = "key" + std::to_string(i);
        const std::string before = all.peer_of(key);
        if (before == "3") {
            ++lost;
        } else {
            EXPECT_EQ(fewer.peer_of(key), before);
        }
    }

    EXPECT_GT(lost, 50);
}

struct Refusal {
    const char* text;
    const char* message;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, SaysWhy) {
    const Site site(GetParam().text);

    EXPECT_NE(site.complaints().find(GetParam().message), std::string::npos) << site.complaints();
}

INSTANTIATE_TEST_SUITE_P(
    Methods, Refused,
    testing::Values(
        Refusal{"http { upstream u { hash $key; server 1.2.3.4 backup; } }",
                "balancing method does not support parameter \"backup\""},
        Refusal{"http { upstream u { ip_hash; server 1.2.3.4 slow_start=3s; } }",
                "balancing method does not support parameter \"slow_start=3s\""},
        Refusal{"http { upstream u { hash $nothing; server 1.2.3.4; } }", "unknown \"nothing\" variable"},
        Refusal{"http { upstream u { hash $key steady; server 1.2.3.4; } }", "invalid parameter \"steady\""},
        Refusal{"http { upstream u { random three; server 1.2.3.4; } }", "invalid parameter \"three\""},
        Refusal{"http { upstream u { random two fast; server 1.2.3.4; } }", "invalid parameter \"fast\""},
        Refusal{"http { upstream u { least_time connect; server 1.2.3.4; } }", "invalid parameter \"connect\""},
        Refusal{"stream { upstream u { least_time header; server 1.2.3.4:5; } }", "invalid parameter \"header\""},
        Refusal{"stream { upstream u { ip_hash; server 1.2.3.4:5; } }", "directive is not allowed here"},
        Refusal{"http { upstream u { random; least_conn; server 1.2.3.4; } }",
                "load balancing method redefined"}));

}  // namespace
}  // namespace sluice::modules
