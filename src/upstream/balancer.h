// SPDX-License-Identifier: BSD-2-Clause
// Balancer: who is asked next. One object per group and worker; what it remembers lies in the peers'
// shared state, in the Attempt that asks, or in the set.
// Runs in: worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/arena.h"
#include "base/units.h"
#include "net/address.h"
#include "upstream/peer.h"

namespace sluice::upstream {

/// Which peers of a set were tried. No allocation up to kInline peers; the rest comes from the
/// subject's arena, and where that is full the peer counts as tried.
class TriedPeers {
  public:
    static constexpr std::size_t kInline = 128;

    /// Forgets everything.
    void reset() {
        inline_ = {};
        more_ = {};
    }

    /// Makes room for `count` peers.
    void prepare(std::size_t count, Arena& arena);
    [[nodiscard]] bool has(std::size_t index) const;
    void add(std::size_t index);

  private:
    std::array<std::uint64_t, kInline / 64> inline_{};
    std::span<std::uint64_t> more_;
};

/// Where an attempt stands, for the balancer.
struct Pick {
    const PeerSet& set;
    const PeerSet::Peers* tier;  ///< the primary peers, or the backup ones
    TriedPeers tried;            ///< of the tier
    Millis now{0};
    const void* subject = nullptr;  ///< session or exchange, for keys
    Arena& arena;                   ///< the subject's
    const net::Address& client;     ///< of the subject
    /// The balancer's own, zero when the attempt begins.
    std::string_view key{};
    std::uint64_t hash = 0;
    std::uint32_t steps = 0;
    std::uint32_t rehash = 0;
    bool is_begun = false;
};

inline constexpr std::size_t kNoPeer = SIZE_MAX;

class Balancer {
  public:
    virtual ~Balancer() = default;

    /// What it wants to know of a set, made once per set; null: nothing.
    [[nodiscard]] virtual std::unique_ptr<SetData> prepare(const PeerSet& /*set*/) {
        return nullptr;
    }

    /// Called before the first pick of an attempt, without the store's lock: the place to render
    /// keys.
    virtual void begin(Pick& /*pick*/) {}

    /// The next peer's index in `pick.tier`, or kNoPeer. Called under the store's lock: no log, no
    /// system call. A peer that is_usable() says no to is never given.
    [[nodiscard]] virtual std::size_t pick(Pick& pick) = 0;
};

/// Whether it may be asked: not tried, not down, healthy, below max_conns, and not within
/// fail_timeout of its last failure.
[[nodiscard]] bool is_usable(const Pick& pick, std::size_t index);
/// Without the question whether it was tried.
[[nodiscard]] bool is_usable(const Peer& peer, Millis now);

/// Smooth weighted round robin over the peers for which `may(index)` holds: each one's current
/// weight grows by its effective weight; the heaviest is taken and loses the sum. This is nginx's
/// rule, so the order is nginx's.
template <class May>
[[nodiscard]] std::size_t pick_smoothly(Pick& pick, const May& may);

/// Round robin, which the others fall back to.
[[nodiscard]] std::size_t pick_round_robin(Pick& pick);

/// The weight that the peer has now: falls with failures; grows from 0 during slow_start.
[[nodiscard]] std::int64_t weight_now(const Peer& peer, Millis now);

template <class May>
std::size_t pick_smoothly(Pick& pick, const May& may) {
    std::size_t best = kNoPeer;
    std::int64_t total = 0;
    const PeerSet::Peers& peers = *pick.tier;
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (!may(i)) {
            continue;
        }
        const Peer& peer = *peers[i];
        PeerState& state = *peer.state;
        const std::int64_t effective = weight_now(peer, pick.now);
        state.current_weight.add(effective);
        total += effective;
        if (state.effective_weight.get() < peer.weight) {
            state.effective_weight.add(1);
        }
        if (best == kNoPeer ||
            state.current_weight.get() > peers[best]->state->current_weight.get()) {
            best = i;
        }
    }
    if (best != kNoPeer) {
        peers[best]->state->current_weight.add(-total);
    }
    return best;
}

}  // namespace sluice::upstream
