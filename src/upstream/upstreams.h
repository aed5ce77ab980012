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
#include "upstream/group.h"
#include "upstream/peer_store.h"

namespace sluice::upstream {

class Upstreams final : public net::Service {
  public:
    explicit Upstreams(net::WorkerContext& worker);
    ~Upstreams() override;

    void generation_changed() override;
    void retire() override;

  private:
    struct Tick : event::Timer {
        Upstreams* upstreams = nullptr;
    };

    void adopt(conf::Generation& generation);
    [[nodiscard]] PeerStore& store_for(conf::Generation& generation, const GroupSpec& spec);
    void tick();

    net::WorkerContext& worker_;
    PeerStore own_store_;
    std::map<const conf::ZoneSpec*, PeerStore*> shared_stores_;  ///< of the current generation
    std::vector<Group*> groups_;                                 ///< of the current generation
    Tick tick_;
};

/// For the registry.
[[nodiscard]] net::ServiceKind service_kind();

}  // namespace sluice::upstream
