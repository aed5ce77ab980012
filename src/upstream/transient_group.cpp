// SPDX-License-Identifier: BSD-2-Clause
// Groups of the moment.
// Runs in: worker.
#include "upstream/transient_group.h"

#include <algorithm>
#include <array>

#include "upstream/round_robin.h"

namespace sluice::upstream {

TransientGroup::TransientGroup(std::string key_text,
                               std::string_view written,
                               std::string_view host_part)
    : key(std::move(key_text)), name(written), host(host_part) {
    server.name = name;
    server.host = host;
    spec.name = name;
    spec.is_implicit = true;
    spec.servers = &server;
    spec.server_count = 1;
    spec.balancer = &kRoundRobin;
}

void TransientGroup::use_address(const net::Address& literal, Millis now) {
    if (group == nullptr) {
        address = literal;
        server.addresses = {&address, 1};
        group = std::make_unique<Group>(spec, store, now);
    }
}

void TransientGroup::use_addresses(std::span<const ResolvedAddress> addresses, Millis now) {
    if (group == nullptr) {
        server.is_resolved = true;
        group = std::make_unique<Group>(spec, store, now);
    }
    ServerState& state = *group->resolved().front().state;
    std::array<ResolvedAddress, kMaxResolved> known;
    const std::size_t count = store.read_addresses(state, known);
    const auto fresh = addresses.first(std::min(addresses.size(), kMaxResolved));
    if (!is_same_set(std::span(known).first(count), fresh)) {
        PeerStore::store_addresses(state, fresh);
        store.forget_old(now);
    }
}

}  // namespace sluice::upstream
