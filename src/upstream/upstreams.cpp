// SPDX-License-Identifier: BSD-2-Clause
// Groups for each generation, and the tick.
// Runs in: worker.
#include "upstream/upstreams.h"

#include "upstream/block.h"

namespace sluice::upstream {

namespace {

/// How often dead workers are looked for, and leases taken and kept.
constexpr Millis kTick{1000};
/// The same where there is no zone and nothing to resolve or check: records only have to be kept.
constexpr Millis kQuietTick{20'000};

}  // namespace

Upstreams::Upstreams(net::WorkerContext& worker) : worker_(worker) {
    tick_.upstreams = this;
    tick_.fire = [](event::Timer& timer) { static_cast<Tick&>(timer).upstreams->tick(); };
    adopt(*worker_.current);
}

Upstreams::~Upstreams() = default;

void Upstreams::generation_changed() {
    adopt(*worker_.current);
}

void Upstreams::retire() {
    event::TimerWheel::disarm(tick_);
    for (const std::unique_ptr<Cared>& cared : cared_) {
        if (cared->is_ours) {
            const PeerStore::Lock lock(cared->group->store());
            cared->group->store().drop_lease(cared->group->state());
        }
    }
    cared_.clear();
}

void Upstreams::adopt(conf::Generation& generation) {
    const Millis now = worker_.loop.now();
    cared_.clear();
    groups_.clear();
    shared_stores_.clear();
    attach_resolvers(generation);
    UpstreamConf& conf = generation.main_level().conf<UpstreamConf>();
    conf.attached = this;
    for (const GroupSpec* spec = conf.groups; spec != nullptr; spec = spec->next) {
        PeerStore& store = store_for(generation, *spec);
        Group& group = generation.keep(std::make_unique<Group>(*spec, store, now));
        spec->attached = &group;
        groups_.push_back(&group);
        if (!group.resolved().empty() || spec->check != nullptr) {
            cared_.push_back(std::make_unique<Cared>());
            cared_.back()->group = &group;
            care(*cared_.back(), now);
        }
    }
    arm_tick();
}

void Upstreams::arm_tick() {
    if (groups_.empty()) {
        return event::TimerWheel::disarm(tick_);
    }
    const bool is_quiet = shared_stores_.empty() && cared_.empty();
    worker_.loop.arm(tick_, is_quiet ? kQuietTick : kTick);
}

/// Resolvers outlive configurations that name the same servers, and what they know with them.
void Upstreams::attach_resolvers(conf::Generation& generation) {
    const UpstreamConf& conf = generation.main_level().conf<UpstreamConf>();
    for (const UpstreamConf::ResolverList* at = conf.resolvers; at != nullptr; at = at->next) {
        Counted<Resolver>& resolver = resolvers_[std::string(at->spec->key)];
        if (!resolver) {
            resolver = Counted(std::make_unique<Resolver>(worker_.loop, *at->spec).release());
        }
        at->spec->attached = generation.keep(std::make_unique<Counted<Resolver>>(resolver)).get();
    }
    std::erase_if(resolvers_, [](const auto& item) { return item.second->references == 1; });
}

/// Starts to work for a group when its lease is ours, and stops when it is not.
void Upstreams::care(Cared& cared, Millis now) {
    Group& group = *cared.group;
    {
        const PeerStore::Lock lock(group.store());
        cared.is_ours = group.store().take_lease(group.state(), now);
    }
    if (!cared.is_ours) {
        cared.refreshers.clear();
        cared.checker.reset();
        return;
    }
    if (cared.checker != nullptr) {
        cared.checker->follow(now);
    } else if (group.spec().check != nullptr) {
        cared.checker = std::make_unique<Checker>(worker_.loop, group);
    }
    if (!cared.refreshers.empty()) {
        return;
    }
    for (const Group::ResolvedServer& server : group.resolved()) {
        const bool is_known = server.spec->is_retried && server.state->version.get() != 0;
        if (!is_known) {
            cared.refreshers.push_back(std::make_unique<Refresher>(worker_.loop, group, server));
        }
    }
}

PeerStore& Upstreams::store_for(conf::Generation& generation, const GroupSpec& spec) {
    if (spec.zone == nullptr || spec.zone->attached == nullptr) {
        return own_store_;
    }
    PeerStore*& store = shared_stores_[spec.zone];
    if (store == nullptr) {
        auto& zone = *static_cast<shm::ZoneUser*>(spec.zone->attached);
        store = &generation.keep(std::make_unique<PeerStore>(zone, worker_.slots, worker_.slot));
    }
    return *store;
}

void Upstreams::tick() {
    const Millis now = worker_.loop.now();
    for (Group* const group : groups_) {
        group->touch(now);
    }
    for (const std::unique_ptr<Cared>& cared : cared_) {
        care(*cared, now);
    }
    for (const auto& [zone, store] : shared_stores_) {
        store->reap_dead();
    }
    own_store_.forget_old(now);
    arm_tick();
}

net::ServiceKind service_kind() {
    return {.name = "upstream",
            .create = [](net::WorkerContext& worker) -> std::unique_ptr<net::Service> {
                return std::make_unique<Upstreams>(worker);
            }};
}

}  // namespace sluice::upstream
