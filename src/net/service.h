// SPDX-License-Identifier: BSD-2-Clause
// Service: what a worker runs beside its wire protocols: timers, sockets, shared state. Protocols
// use services, so these start before them and end after them.
// Runs in: worker.
#pragma once

#include <memory>
#include <string_view>

#include "net/protocol.h"

namespace sluice::net {

class Service {
  public:
    virtual ~Service() = default;
    /// WorkerContext::current is a new generation; protocols hear of it after this.
    virtual void generation_changed() = 0;
    /// WorkerContext::is_retiring became true: give up what another worker should do.
    virtual void retire() = 0;
};

/// One line of the registry's list of services. `create` is called when the first generation is
/// current; protocols have ended when the object is destroyed.
struct ServiceKind {
    std::string_view name;
    std::unique_ptr<Service> (*create)(WorkerContext& worker);
};

}  // namespace sluice::net
