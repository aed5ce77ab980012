// SPDX-License-Identifier: BSD-2-Clause
// A group's peers: from servers and what their names mean.
// Runs in: worker.
#include "upstream/group.h"

#include <cstring>
#include <netinet/in.h>
#include <string>

#include "log/log.h"
#include "upstream/check_spec.h"

namespace sluice::upstream {

namespace {

std::string_view scope_name(const GroupSpec& spec) {
    return spec.scope == conf::kStream ? "stream" : "http";
}

std::string key_of(const GroupSpec& spec) {
    return fmt::format("{}\n{}\n{}", scope_name(spec), spec.is_implicit ? "" : "u", spec.name);
}

net::Address address_of(const ResolvedAddress& from, std::uint16_t port) {
    sockaddr_storage storage{};
    if (from.ip_bytes == 4) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, from.ip.data(), 4);
        std::memcpy(&storage, &v4, sizeof v4);
        return net::Address::from_kernel(storage, sizeof v4);
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, from.ip.data(), 16);
    std::memcpy(&storage, &v6, sizeof v6);
    return net::Address::from_kernel(storage, sizeof v6);
}

std::unique_ptr<Peer> peer_of(const ServerSpec& spec, const net::Address& address) {
    auto peer = std::make_unique<Peer>();
    peer->address = address;
    peer->name = address.text();
    peer->server_name = spec.name;
    peer->host = spec.host;
    peer->weight = spec.weight;
    peer->max_conns = spec.max_conns;
    peer->max_fails = spec.max_fails;
    peer->fail_timeout = spec.fail_timeout;
    peer->slow_start = spec.slow_start;
    peer->is_down = spec.is_down;
    peer->is_backup = spec.is_backup;
    return peer;
}

}  // namespace

Group::Group(const GroupSpec& spec, PeerStore& store, Millis now)
    : spec_(spec),
      store_(store),
      state_(store.group(key_of(spec), now)),
      balancer_(spec.balancer->create(spec.balancer_settings)) {
    const std::string key = key_of(spec);
    for (const ServerSpec* server = spec.servers; server != nullptr; server = server->next) {
        if (server->is_resolved || server->is_retried) {
            const std::string name = fmt::format("{}\n{}\n{}", key, server->name, server->service);
            resolved_.push_back({.spec = server, .state = &store.server(name, now)});
        }
    }
    rebuild(now);
}

Group::~Group() = default;

void Group::rebuild(Millis now) {
    auto set = std::make_unique<PeerSet>();
    std::size_t next_resolved = 0;
    for (const ServerSpec* server = spec_.servers; server != nullptr; server = server->next) {
        if (server->is_resolved || server->is_retried) {
            add_resolved(*set, resolved_[next_resolved++], now);
        } else {
            add_server(*set, *server, now);
        }
    }
    for (const PeerRef& peer : set->peers) {
        set->total_weight += peer->weight;
    }
    for (const PeerSet::Peers* tier : {&set->peers, &set->backup}) {
        for (const PeerRef& peer : *tier) {
            set->tries += peer->is_down ? 0U : 1U;
        }
    }
    set->data = balancer_->prepare(*set);
    peers_ = PeerSetRef(set.release());
    if (store_.is_full() && !has_told_full_) {
        has_told_full_ = true;
        log::write(log::Level::Warn,
                   "zone \"{}\" has no room for all peers of upstream \"{}\": some are counted by "
                   "each worker alone",
                   spec_.zone_name, spec_.name);
    }
}

void Group::touch(Millis now) {
    for (const PeerSet::Peers* tier : {&peers_->peers, &peers_->backup}) {
        for (const PeerRef& peer : *tier) {
            store_.touch({peer->state, peer->index_in_store}, now);
        }
    }
}

void Group::add_server(PeerSet& set, const ServerSpec& spec, Millis now) {
    for (const net::Address& address : spec.addresses) {
        add_peer(set, peer_of(spec, address), spec.name, now);
    }
}

void Group::add_resolved(PeerSet& set, ResolvedServer& server, Millis now) {
    server.version = server.state->version.get();
    if (server.version == 0) {
        return add_server(set, *server.spec, now);  // as it was at the start
    }
    std::array<ResolvedAddress, kMaxResolved> found;
    const std::size_t count = store_.read_addresses(*server.state, found);
    for (const ResolvedAddress& one : std::span(found).first(count)) {
        const std::uint16_t port = one.port != 0 ? one.port : server.spec->port;
        std::unique_ptr<Peer> peer = peer_of(*server.spec, address_of(one, port));
        if (one.weight != 0) {
            peer->weight = one.weight;
        }
        peer->is_backup = peer->is_backup || one.is_backup != 0;
        add_peer(set, std::move(peer), server.spec->name, now);
    }
}

void Group::add_peer(PeerSet& set,
                     std::unique_ptr<Peer> peer,
                     std::string_view server,
                     Millis now) {
    PeerSet::Peers& tier = peer->is_backup ? set.backup : set.peers;
    // The same server may stand twice, and counts as two.
    std::size_t copy = 0;
    for (const PeerRef& other : tier) {
        copy += other->name == peer->name && other->server_name == peer->server_name ? 1U : 0U;
    }
    const std::string key = fmt::format("{}\n{}\n{}\n{}{}", key_of(spec_), server, peer->name,
                                        peer->is_backup ? "b" : "p", copy);
    const PeerStore::Record record = store_.peer(key, now);
    peer->state = record.state;
    peer->index_in_store = record.index;
    PeerState& state = *record.state;
    if (state.weight.get() != peer->weight) {
        const PeerStore::Lock lock(store_);
        state.weight.set(peer->weight);
        state.effective_weight.set(peer->weight);
        state.current_weight.set(0);
    }
    set_health(state);
    tier.emplace_back(peer.release());
}

/// What a configuration without checks must not inherit, and what `mandatory` begins with.
void Group::set_health(PeerState& state) const {
    if (spec_.check == nullptr) {
        state.health.set(Health::Unknown);
        state.check_fails.set(0);
        state.check_passes.set(0);
    } else if (spec_.check->is_mandatory && state.health.get() == Health::Unknown) {
        state.health.set(Health::Unhealthy);
    }
}

}  // namespace sluice::upstream
