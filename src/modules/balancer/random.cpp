// SPDX-License-Identifier: BSD-2-Clause
// random: a peer by chance and weight; `two`: the better one of two such.
// Runs in: any (settings), worker (pick).
#include <functional>
#include <span>
#include <string>

#include "modules/balancer/features.h"
#include "modules/balancer/score.h"
#include "modules/balancer/walk.h"
#include "sys/process.h"
#include "upstream/block.h"

namespace sluice::modules {

namespace {

using upstream::kNoPeer;
using upstream::Pick;

struct RandomSettings {
    bool takes_two = false;
    Score score;
};

class Random final : public upstream::Balancer {
  public:
    explicit Random(const RandomSettings& settings) : settings_(settings) {
        // Workers must not draw the same numbers. Without the kernel's help the address has to do.
        state_ = std::hash<const void*>{}(this);
        static_cast<void>(sys::random_bytes(
            {static_cast<unsigned char*>(static_cast<void*>(&state_)), sizeof state_}));
    }

    [[nodiscard]] std::size_t pick(Pick& pick) override {
        return settings_.takes_two ? pick_of_two(pick)
                                   : pick_by_steps(pick, [this] { return draw(); });
    }

  private:
    /// SplitMix64 (Steele, Lea, Flood).
    std::uint64_t draw() {
        state_ += 0x9e37'79b9'7f4a'7c15;
        std::uint64_t out = state_;
        out = (out ^ (out >> 30)) * 0xbf58'476d'1ce4'e5b9;
        out = (out ^ (out >> 27)) * 0x94d0'49bb'1331'11eb;
        return out ^ (out >> 31);
    }

    std::size_t pick_of_two(Pick& pick) {
        if (pick.steps > kMostSteps || pick.set.is_single() || pick.tier != &pick.set.peers) {
            return upstream::pick_round_robin(pick);
        }
        std::size_t first = kNoPeer;
        while (true) {
            const std::size_t index = peer_of_share(pick.set, draw());
            if (index != first && upstream::is_usable(pick, index)) {
                if (first == kNoPeer) {
                    first = index;
                    continue;
                }
                const auto& peers = *pick.tier;
                const int order = settings_.score.compare(*peers[index], *peers[first], pick.now);
                return order > 0 ? first : index;
            }
            if (++pick.steps > kMostSteps) {
                return upstream::pick_round_robin(pick);
            }
        }
    }

    const RandomSettings& settings_;
    std::uint64_t state_ = 0;
};

constexpr upstream::BalancerKind kMethod{
    .name = "random",
    .takes_backup = false,
    .takes_slow_start = false,
    .create = [](const void* settings) -> std::unique_ptr<upstream::Balancer> {
        return std::make_unique<Random>(*static_cast<const RandomSettings*>(settings));
    }};

struct RandomConf {};

bool set_random(conf::Build& build, const conf::Directive& directive, RandomConf&) {
    constexpr std::string_view kLeastTimeIs = "least_time=";
    RandomSettings& settings = *build.arena().make<RandomSettings>();
    const auto refuse = [&](const conf::Argument& argument, std::string expectation) {
        return build.error(argument, "invalid parameter \"" + std::string(argument.text) + "\"",
                           std::move(expectation));
    };
    if (!directive.args.empty()) {
        if (directive.args[0].text != "two") {
            return refuse(directive.args[0], "two, or nothing");
        }
        settings.takes_two = true;
    }
    if (directive.args.size() == 2 && directive.args[1].text != "least_conn") {
        const std::string_view method = directive.args[1].text;
        if (!method.starts_with(kLeastTimeIs) ||
            !parse_time_name(method.substr(kLeastTimeIs.size()), build.level().context,
                             settings.score)) {
            return refuse(directive.args[1],
                          "least_conn, or least_time= with first_byte, last_byte or connect "
                          "(header in http)");
        }
    }
    return upstream::choose_balancer(build, directive, kMethod, &settings);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<RandomConf, &set_random>(
        "random",
        upstream::kAnyUpstream,
        conf::take_range(0, 2),
        "Choose a server by chance and weight; two: the better of two by least_conn or "
        "least_time=connect, first_byte, last_byte."),
};
constexpr conf::ConfKind kKind = conf::kind<RandomConf>("random", kRows);

}  // namespace

constexpr conf::Module kRandom{"random", &kKind};

}  // namespace sluice::modules
