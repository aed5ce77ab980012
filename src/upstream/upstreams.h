// SPDX-License-Identifier: BSD-2-Clause
// Upstreams: what a worker has of this room for its whole life: the state that outlives
// configurations, name servers, and the clock that drives groups. It gives each generation its
// running groups.
// Runs in: worker.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/units.h"
#include "conf/generation.h"
#include "event/timer.h"
#include "net/service.h"
#include "upstream/checker.h"
#include "upstream/group.h"
#include "upstream/peer_store.h"
#include "upstream/refresher.h"
#include "upstream/resolver.h"
#include "upstream/transient_group.h"

namespace sluice::upstream {

class Upstreams final : public net::Service {
  public:
    explicit Upstreams(net::WorkerContext& worker);
    ~Upstreams() override;

    void generation_changed() override;
    void retire() override;

    [[nodiscard]] TransientGroups& transients() { return transients_; }

    [[nodiscard]] Millis now() const { return worker_.loop.now(); }

  private:
    struct Tick : event::Timer {
        Upstreams* upstreams = nullptr;
    };

    /// A group that somebody has to work for: the worker that has its lease.
    struct Cared {
        Group* group = nullptr;
        bool is_ours = false;
        std::vector<std::unique_ptr<Refresher>> refreshers;
        std::unique_ptr<Checker> checker;
    };

    void adopt(conf::Generation& generation);
    void attach_resolvers(conf::Generation& generation);
    void care(Cared& cared, Millis now);
    [[nodiscard]] PeerStore& store_for(conf::Generation& generation, const GroupSpec& spec);
    void arm_tick();
    void tick();

    net::WorkerContext& worker_;
    PeerStore own_store_;
    TransientGroups transients_;
    std::map<const conf::ZoneSpec*, PeerStore*> shared_stores_;  ///< of the current generation
    std::vector<Group*> groups_;                                 ///< of the current generation
    std::map<std::string, Counted<Resolver>, std::less<>> resolvers_;
    std::vector<std::unique_ptr<Cared>> cared_;  ///< of the current generation
    Tick tick_;
};

/// For the registry.
[[nodiscard]] net::ServiceKind service_kind();

}  // namespace sluice::upstream
