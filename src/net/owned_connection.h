// SPDX-License-Identifier: BSD-2-Clause
// OwnedConnection: a Connection that is part of something larger, as the two of a relay are, and
// finds its way back to it from its callbacks. One owner follows another: first the Connector, then
// the session, then the relay.
// Runs in: worker.
#pragma once

#include "net/connection.h"

namespace sluice::net {

class OwnedConnection final : public Connection {
  public:
    using Connection::Connection;

    /// Whom on_event and on_deadline work for. Set it with them.
    void* owner = nullptr;
};

/// The owner, in a callback of a connection that is known to have one of type Owner.
template <class Owner>
[[nodiscard]] Owner& owner_of(Connection& connection) {
    return *static_cast<Owner*>(static_cast<OwnedConnection&>(connection).owner);
}

}  // namespace sluice::net
