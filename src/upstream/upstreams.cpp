// SPDX-License-Identifier: BSD-2-Clause
// Groups for each generation, and the tick.
// Runs in: worker.
#include "upstream/upstreams.h"

#include "upstream/block.h"

namespace sluice::upstream {

namespace {

/// How often dead workers are looked for and records are kept alive.
constexpr Millis kTick{1000};

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
}

void Upstreams::adopt(conf::Generation& generation) {
    const Millis now = worker_.loop.now();
    groups_.clear();
    shared_stores_.clear();
    UpstreamConf& conf = generation.main_level().conf<UpstreamConf>();
    for (const GroupSpec* spec = conf.groups; spec != nullptr; spec = spec->next) {
        PeerStore& store = store_for(generation, *spec);
        Group& group = generation.keep(std::make_unique<Group>(*spec, store, now));
        spec->attached = &group;
        groups_.push_back(&group);
    }
    if (!groups_.empty()) {
        worker_.loop.arm(tick_, kTick);
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
    for (const auto& [zone, store] : shared_stores_) {
        store->reap_dead();
    }
    own_store_.forget_old(now);
    worker_.loop.arm(tick_, kTick);
}

net::ServiceKind service_kind() {
    return {.name = "upstream", .create = [](net::WorkerContext& worker) -> std::unique_ptr<net::Service> {
                return std::make_unique<Upstreams>(worker);
            }};
}

}  // namespace sluice::upstream
