// SPDX-License-Identifier: BSD-2-Clause
// The rule that least_conn and least_time share: the peer with the least score for its weight; among
// equals, smooth weighted round robin.
// Runs in: worker.
#pragma once

#include "modules/balancer/score.h"
#include "upstream/balancer.h"

namespace sluice::modules {

/// The best usable peer's index, or upstream::kNoPeer.
[[nodiscard]] std::size_t pick_least(upstream::Pick& pick, const Score& score);

}  // namespace sluice::modules
