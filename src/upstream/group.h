// SPDX-License-Identifier: BSD-2-Clause
// Group: an upstream as it runs in a worker under one generation: its peers of the moment, its
// balancer, its place in the store. Attempts begin here.
// Runs in: worker.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/list.h"
#include "base/units.h"
#include "upstream/balancer.h"
#include "upstream/peer.h"
#include "upstream/peer_store.h"
#include "upstream/spec.h"

namespace sluice::upstream {

class Group {
  public:
    /// `spec` and `store` outlive it.
    Group(const GroupSpec& spec, PeerStore& store, Millis now);
    ~Group();
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    [[nodiscard]] const GroupSpec& spec() const { return spec_; }

    [[nodiscard]] std::string_view name() const { return spec_.name; }

    [[nodiscard]] PeerStore& store() const { return store_; }

    [[nodiscard]] Balancer& balancer() const { return *balancer_; }

    [[nodiscard]] GroupState& state() const { return state_; }

    /// The peers of the moment; takes over first what another worker has resolved.
    [[nodiscard]] const PeerSetRef& peers(Millis now) {
        if (has_news()) [[unlikely]] {
            rebuild(now);
        }
        return peers_;
    }

    /// Peers as they were last, for reports.
    [[nodiscard]] const PeerSet& known_peers() const { return *peers_; }

    /// A server whose addresses the resolver tells, as the store knows it.
    struct ResolvedServer {
        const ServerSpec* spec = nullptr;
        ServerState* state = nullptr;
        std::uint64_t version = 0;  ///< that the peers of the moment are made of
    };

    [[nodiscard]] std::vector<ResolvedServer>& resolved() { return resolved_; }

    /// Makes the peers anew of what is known; attempts under way keep theirs.
    void rebuild(Millis now);
    /// Keeps its records in the store.
    void touch(Millis now);

  private:
    [[nodiscard]] bool has_news() const {
        for (const ResolvedServer& server : resolved_) {
            if (server.state->version.get() != server.version) {
                return true;
            }
        }
        return false;
    }

    void add_server(PeerSet& set, const ServerSpec& spec, Millis now);
    void add_resolved(PeerSet& set, ResolvedServer& server, Millis now);
    void add_peer(PeerSet& set, std::unique_ptr<Peer> peer, std::string_view server, Millis now);

    void set_health(PeerState& state) const;

    const GroupSpec& spec_;
    PeerStore& store_;
    GroupState& state_;
    std::unique_ptr<Balancer> balancer_;
    std::vector<ResolvedServer> resolved_;
    PeerSetRef peers_;
    bool has_told_full_ = false;
};

}  // namespace sluice::upstream
