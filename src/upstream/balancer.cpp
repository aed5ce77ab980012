// SPDX-License-Identifier: BSD-2-Clause
// What all balancers ask of peers, and round robin.
// Runs in: worker.
#include "upstream/balancer.h"

#include <algorithm>

namespace sluice::upstream {

namespace {

/// Weights of the moment count hundredths, so that a small one can grow step by step.
constexpr std::int64_t kScale = 100;

}  // namespace

void TriedPeers::prepare(std::size_t count, Arena& arena) {
    reset();
    if (count > kInline) {
        more_ = arena.make_span<std::uint64_t>((count - kInline + 63) / 64);
    }
}

bool TriedPeers::has(std::size_t index) const {
    if (index < kInline) {
        return (inline_[index / 64] >> (index % 64) & 1) != 0;
    }
    const std::size_t word = (index - kInline) / 64;
    return word >= more_.size() || (more_[word] >> (index % 64) & 1) != 0;
}

void TriedPeers::add(std::size_t index) {
    if (index < kInline) {
        inline_[index / 64] |= std::uint64_t{1} << (index % 64);
    } else if ((index - kInline) / 64 < more_.size()) {
        more_[(index - kInline) / 64] |= std::uint64_t{1} << (index % 64);
    }
}

bool is_usable(const Peer& peer, Millis now) {
    const PeerState& state = *peer.state;
    if (peer.is_down || state.health.get() == Health::Unhealthy) {
        return false;
    }
    if (peer.max_fails != 0 && state.fails.get() >= peer.max_fails &&
        now.count() - state.checked.get() <= peer.fail_timeout.count()) {
        return false;
    }
    return peer.max_conns == 0 || state.connections.get() < peer.max_conns;
}

bool is_usable(const Pick& pick, std::size_t index) {
    return !pick.tried.has(index) && is_usable(*(*pick.tier)[index], pick.now);
}

std::int64_t weight_now(const Peer& peer, Millis now) {
    const PeerState& state = *peer.state;
    const std::int64_t full = state.effective_weight.get() * kScale;
    const std::int64_t age = now.count() - state.recovered.get();
    if (peer.slow_start.count() == 0 || state.recovered.get() == 0 ||
        age >= peer.slow_start.count()) {
        return full;
    }
    return std::max<std::int64_t>(1,
                                  full * std::max<std::int64_t>(age, 0) / peer.slow_start.count());
}

std::size_t pick_round_robin(Pick& pick) {
    if (pick.set.is_single()) {
        // Nobody else could be asked: its failures do not count.
        const Peer& peer = *pick.set.peers.front();
        const bool is_full = peer.max_conns != 0 && peer.state->connections.get() >= peer.max_conns;
        const bool is_bad = peer.is_down || peer.state->health.get() == Health::Unhealthy;
        return is_full || is_bad ? kNoPeer : 0;
    }
    return pick_smoothly(pick, [&](std::size_t index) { return is_usable(pick, index); });
}

}  // namespace sluice::upstream
