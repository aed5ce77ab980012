// SPDX-License-Identifier: BSD-2-Clause
// The least of them.
// Runs in: worker.
#include "modules/balancer/least.h"

namespace sluice::modules {

using upstream::kNoPeer;
using upstream::Pick;

std::size_t pick_least(Pick& pick, const Score& score) {
    if (pick.set.is_single()) {
        return upstream::pick_round_robin(pick);
    }
    const upstream::PeerSet::Peers& peers = *pick.tier;
    std::size_t best = kNoPeer;
    bool has_equals = false;
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (!upstream::is_usable(pick, i)) {
            continue;
        }
        const int order = best == kNoPeer ? -1 : score.compare(*peers[i], *peers[best], pick.now);
        if (order < 0) {
            best = i;
            has_equals = false;
        } else if (order == 0) {
            has_equals = true;
        }
    }
    if (best == kNoPeer || !has_equals) {
        return best;
    }
    const std::size_t first = best;
    return upstream::pick_smoothly(pick, [&](std::size_t i) {
        return i >= first && upstream::is_usable(pick, i) &&
               score.compare(*peers[i], *peers[first], pick.now) == 0;
    });
}

}  // namespace sluice::modules
