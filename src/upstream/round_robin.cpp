// SPDX-License-Identifier: BSD-2-Clause
// Round robin as a balancer.
// Runs in: worker.
#include "upstream/round_robin.h"

namespace sluice::upstream {

namespace {

class RoundRobin final : public Balancer {
  public:
    [[nodiscard]] std::size_t pick(Pick& pick) override { return pick_round_robin(pick); }
};

std::unique_ptr<Balancer> create(const void* /*settings*/) {
    return std::make_unique<RoundRobin>();
}

}  // namespace

constexpr BalancerKind kRoundRobin{
    .name = "round_robin", .takes_backup = true, .takes_slow_start = true, .create = &create};

}  // namespace sluice::upstream
