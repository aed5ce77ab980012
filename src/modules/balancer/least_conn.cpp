// SPDX-License-Identifier: BSD-2-Clause
// least_conn: the peer with the fewest connections for its weight.
// Runs in: any (settings), worker (pick).
#include "modules/balancer/features.h"
#include "modules/balancer/least.h"
#include "upstream/block.h"

namespace sluice::modules {

namespace {

class LeastConn final : public upstream::Balancer {
  public:
    [[nodiscard]] std::size_t pick(upstream::Pick& pick) override {
        return pick_least(pick, {.what = LeastOf::Connections});
    }
};

constexpr upstream::BalancerKind kMethod{
    .name = "least_conn", .create = [](const void*) -> std::unique_ptr<upstream::Balancer> {
        return std::make_unique<LeastConn>();
    }};

struct LeastConnConf {};

bool set_least_conn(conf::Build& build, const conf::Directive& directive, LeastConnConf&) {
    return upstream::choose_balancer(build, directive, kMethod);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<LeastConnConf, &set_least_conn>(
        "least_conn",
        upstream::kAnyUpstream,
        conf::take(0),
        "Choose the server with the fewest connections for its weight."),
};
constexpr conf::ConfKind kKind = conf::kind<LeastConnConf>("least_conn", kRows);

}  // namespace

constexpr conf::Module kLeastConn{"least_conn", &kKind};

}  // namespace sluice::modules
