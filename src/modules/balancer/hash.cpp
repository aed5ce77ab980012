// SPDX-License-Identifier: BSD-2-Clause
// hash KEY [consistent]: the same key finds the same peer. Numbers are made as nginx and the usual
// memcached clients make them (Cache::Memcached; consistent: Cache::Memcached::Fast, "ketama"), so
// that a key keeps its peer when one program replaces another.
// Runs in: any (settings), worker (pick).
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/crc32.h"
#include "modules/balancer/features.h"
#include "modules/balancer/walk.h"
#include "script/dialect.h"
#include "script/template.h"
#include "script/template_argument.h"
#include "upstream/block.h"

namespace sluice::modules {

namespace {

using upstream::kNoPeer;
using upstream::Peer;
using upstream::PeerSet;
using upstream::Pick;

struct HashSettings {
    script::Template key;
    bool is_consistent = false;
};

/// Renders the key into the pick; a pick without a key goes round robin.
class Keyed : public upstream::Balancer {
  public:
    explicit Keyed(const HashSettings& settings) : settings_(settings) {}

  protected:
    std::string_view render(Pick& pick) const {
        return settings_.key.render(pick.subject, pick.arena);
    }

    [[nodiscard]] static bool goes_round(const Pick& pick) {
        return pick.key.empty() || pick.steps > kMostSteps || pick.set.is_single() ||
               pick.tier != &pick.set.peers;
    }

    const HashSettings& settings_;
};

// ---- hash KEY ----

class Hash final : public Keyed {
  public:
    using Keyed::Keyed;

    void begin(Pick& pick) override { pick.key = render(pick); }

    [[nodiscard]] std::size_t pick(Pick& pick) override {
        if (goes_round(pick)) {
            return upstream::pick_round_robin(pick);
        }
        return pick_by_steps(pick, [&] {
            // ((crc32([REHASH] KEY) >> 16) & 0x7fff) + PREVIOUS; the first time without REHASH.
            Crc32 crc;
            if (pick.rehash > 0) {
                const fmt::format_int number(pick.rehash);
                crc.add({number.data(), number.size()});
            }
            crc.add(pick.key);
            ++pick.rehash;
            pick.hash = (pick.hash + ((crc.value() >> 16) & 0x7fff)) & UINT32_MAX;
            return pick.hash;
        });
    }
};

// ---- hash KEY consistent ----

/// The ring: points in rising order, each of one server's name; peers of one name share points.
struct Ring final : upstream::SetData {
    struct Point {
        std::uint32_t hash = 0;
        std::uint32_t server = 0;  ///< index into `servers`
    };

    std::vector<Point> points;
    std::vector<std::string_view> servers;  ///< views the set's peers
    std::vector<std::uint32_t> server_of;   ///< by peer

    /// The first point at or behind `hash`; points.size() where there is none.
    [[nodiscard]] std::size_t find(std::uint32_t hash) const {
        const auto at = std::ranges::lower_bound(points, hash, {}, &Point::hash);
        return static_cast<std::size_t>(at - points.begin());
    }
};

/// "host:port" as points are made of it: crc32(HOST 0 PORT PREVIOUS).
Crc32 base_of(std::string_view server) {
    constexpr std::string_view kUnix = "unix:";
    if (server.size() >= kUnix.size() &&
        equals_ignoring_case(server.substr(0, kUnix.size()), kUnix)) {
        return Crc32().add(server.substr(kUnix.size())).add({"\0", 1});
    }
    std::size_t digits = 0;
    while (digits < server.size() && is_digit(server[server.size() - digits - 1])) {
        ++digits;
    }
    const std::size_t colon = server.size() - digits;
    if (colon == 0 || server[colon - 1] != ':') {
        return Crc32().add(server).add({"\0", 1});
    }
    return Crc32().add(server.substr(0, colon - 1)).add({"\0", 1}).add(server.substr(colon));
}

void add_points(Ring& ring, const Peer& peer, std::uint32_t server) {
    constexpr std::uint32_t kPointsPerWeight = 160;
    const Crc32 base = base_of(peer.server_name);
    std::uint32_t previous = 0;
    for (std::uint64_t i = 0; i < std::uint64_t{peer.weight} * kPointsPerWeight; ++i) {
        const std::array<char, 4> bytes = {
            static_cast<char>(previous & 0xff), static_cast<char>(previous >> 8 & 0xff),
            static_cast<char>(previous >> 16 & 0xff), static_cast<char>(previous >> 24)};
        previous = Crc32(base).add({bytes.data(), bytes.size()}).value();
        ring.points.push_back({previous, server});
    }
}

class ConsistentHash final : public Keyed {
  public:
    using Keyed::Keyed;

    [[nodiscard]] std::unique_ptr<upstream::SetData> prepare(const PeerSet& set) override {
        auto ring = std::make_unique<Ring>();
        for (const upstream::PeerRef& peer : set.peers) {
            const auto known = std::ranges::find(ring->servers, peer->server_name);
            const auto server = static_cast<std::uint32_t>(known - ring->servers.begin());
            if (known == ring->servers.end()) {
                ring->servers.push_back(peer->server_name);
            }
            ring->server_of.push_back(server);
            add_points(*ring, *peer, server);
        }
        std::ranges::sort(ring->points, [](const Ring::Point& a, const Ring::Point& b) {
            return a.hash != b.hash ? a.hash < b.hash : a.server < b.server;
        });
        const auto tail = std::ranges::unique(ring->points, {}, &Ring::Point::hash);
        ring->points.erase(tail.begin(), tail.end());
        return ring;
    }

    void begin(Pick& pick) override {
        pick.key = render(pick);
        if (pick.set.data != nullptr) {
            pick.hash = ring_of(pick).find(Crc32().add(pick.key).value());
        }
    }

    [[nodiscard]] std::size_t pick(Pick& pick) override {
        if (goes_round(pick) || ring_of(pick).points.empty()) {
            return upstream::pick_round_robin(pick);
        }
        const Ring& ring = ring_of(pick);
        while (true) {
            const std::uint32_t server = ring.points[pick.hash % ring.points.size()].server;
            const std::size_t index = upstream::pick_smoothly(pick, [&](std::size_t i) {
                return ring.server_of[i] == server && upstream::is_usable(pick, i);
            });
            if (index != kNoPeer) {
                return index;
            }
            ++pick.hash;
            if (++pick.steps > kMostSteps) {
                return upstream::pick_round_robin(pick);
            }
        }
    }

  private:
    static const Ring& ring_of(const Pick& pick) {
        return static_cast<const Ring&>(*pick.set.data);
    }
};

// ---- settings ----

constexpr upstream::BalancerKind kMethod{
    .name = "hash",
    .takes_backup = false,
    .takes_slow_start = false,
    .create = [](const void* settings) -> std::unique_ptr<upstream::Balancer> {
        const auto& hash = *static_cast<const HashSettings*>(settings);
        if (hash.is_consistent) {
            return std::make_unique<ConsistentHash>(hash);
        }
        return std::make_unique<Hash>(hash);
    }};

struct HashConf {};

bool set_hash(conf::Build& build, const conf::Directive& directive, HashConf&) {
    HashSettings& settings = *build.arena().make<HashSettings>();
    if (!script::compile_argument(build, directive.args[0], script::variables_of(build),
                                  settings.key)) {
        return false;
    }
    if (directive.args.size() == 2) {
        if (directive.args[1].text != "consistent") {
            return build.error(directive.args[1],
                               "invalid parameter \"" + std::string(directive.args[1].text) + "\"",
                               "consistent, or nothing");
        }
        settings.is_consistent = true;
    }
    return upstream::choose_balancer(build, directive, kMethod, &settings);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<HashConf, &set_hash>(
        "hash",
        upstream::kAnyUpstream,
        conf::take_range(1, 2),
        "Choose the server by a key; consistent: few keys move when servers come and go."),
};
constexpr conf::ConfKind kKind = conf::kind<HashConf>("hash", kRows);

}  // namespace

constexpr conf::Module kHash{"hash", &kKind};

}  // namespace sluice::modules
