// SPDX-License-Identifier: BSD-2-Clause
// least_time: the peer that answers soonest, by moving averages that all workers share.
// Runs in: any (settings), worker (pick).
#include <string>

#include "modules/balancer/features.h"
#include "modules/balancer/least.h"
#include "upstream/block.h"

namespace sluice::modules {

namespace {

class LeastTime final : public upstream::Balancer {
  public:
    explicit LeastTime(const Score& score) : score_(score) {}

    [[nodiscard]] std::size_t pick(upstream::Pick& pick) override {
        return pick_least(pick, score_);
    }

  private:
    const Score& score_;
};

constexpr upstream::BalancerKind kMethod{
    .name = "least_time",
    .create = [](const void* settings) -> std::unique_ptr<upstream::Balancer> {
        return std::make_unique<LeastTime>(*static_cast<const Score*>(settings));
    }};

struct LeastTimeConf {};

bool set_least_time(conf::Build& build, const conf::Directive& directive, LeastTimeConf&) {
    Score& score = *build.arena().make<Score>();
    const conf::Argument& what = directive.args[0];
    if (!parse_time_name(what.text, build.level().context, score)) {
        return build.error(what, "invalid parameter \"" + std::string(what.text) + "\"",
                           build.level().context == conf::kUpstream
                               ? "header or last_byte"
                               : "connect, first_byte or last_byte");
    }
    if (directive.args.size() == 2) {
        if (directive.args[1].text != "inflight") {
            return build.error(directive.args[1],
                               "invalid parameter \"" + std::string(directive.args[1].text) + "\"",
                               "inflight");
        }
        score.counts_inflight = true;
    }
    return upstream::choose_balancer(build, directive, kMethod, &score);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<LeastTimeConf, &set_least_time>(
        "least_time",
        upstream::kAnyUpstream,
        conf::take_range(1, 2),
        "Choose the server with the least average time to connect, first_byte (header in http) or "
        "last_byte, and the fewest connections; inflight counts those that are not over, too."),
};
constexpr conf::ConfKind kKind = conf::kind<LeastTimeConf>("least_time", kRows);

}  // namespace

constexpr conf::Module kLeastTime{"least_time", &kKind};

}  // namespace sluice::modules
