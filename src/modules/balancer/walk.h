// SPDX-License-Identifier: BSD-2-Clause
// What methods that draw or hash have in common: a number chooses a peer by its weight; where that
// one cannot be asked the next number is drawn, and after 20 of them the turn is round robin's.
// Runs in: worker.
#pragma once

#include "upstream/balancer.h"

namespace sluice::modules {

/// Numbers that an attempt may draw in vain.
inline constexpr std::uint32_t kMostSteps = 20;

/// The peer to whose share of all weights `number` belongs.
[[nodiscard]] inline std::size_t peer_of_share(const upstream::PeerSet& set, std::uint64_t number) {
    std::uint64_t left = number % set.total_weight;
    for (std::size_t i = 0; i < set.peers.size(); ++i) {
        if (left < set.peers[i]->weight) {
            return i;
        }
        left -= set.peers[i]->weight;
    }
    return 0;
}

/// Draws numbers by `next()` until one names a peer that may be asked.
template <class Next>
[[nodiscard]] std::size_t pick_by_steps(upstream::Pick& pick, const Next& next) {
    if (pick.steps > kMostSteps || pick.set.is_single() || pick.tier != &pick.set.peers) {
        return upstream::pick_round_robin(pick);
    }
    while (true) {
        const std::size_t index = peer_of_share(pick.set, next());
        if (upstream::is_usable(pick, index)) {
            return index;
        }
        if (++pick.steps > kMostSteps) {
            return upstream::pick_round_robin(pick);
        }
    }
}

}  // namespace sluice::modules
