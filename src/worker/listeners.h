// SPDX-License-Identifier: BSD-2-Clause
// Listeners: the listening sockets that the master gave this worker, and which of them it accepts
// on. A granted socket waits until a committed generation names it; one that no generation names
// any more is closed here, while the master decides about the listener itself.
// Runs in: worker.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "base/units.h"
#include "conf/generation.h"
#include "event/loop.h"
#include "ipc/message.h"
#include "net/accept_gate.h"
#include "net/acceptor.h"
#include "net/intake.h"
#include "sys/unique_fd.h"

namespace sluice::worker {

/// Asks a listener's protocol whether it takes from the socket itself; null: it accepts connections.
struct IntakeMaker {
    void* owner = nullptr;
    std::unique_ptr<net::Intake> (*make)(void* owner, ListenerId, sys::UniqueFd&) = nullptr;
};

class Listeners {
  public:
    Listeners(event::Loop& loop,
              net::AcceptGate& gate,
              const net::AcceptCallbacks& callbacks,
              const IntakeMaker& maker = {})
        : loop_(loop), gate_(gate), callbacks_(callbacks), maker_(maker) {}

    /// Keeps a socket; one that was held under the same id and member is replaced.
    void grant(const ipc::ListenerGrant& grant, sys::UniqueFd socket);
    /// Accepts on every held socket that `generation` names. Those that it does not name go on
    /// accepting, so that what waits in their queues is served, until close_leaving().
    /// `is_multi_accept`: take several connections per event. True where some are leaving.
    bool adopt(const conf::Generation& generation, bool is_multi_accept);
    /// Closes those that the last adopt() did not find named.
    void close_leaving();
    /// Closes the held sockets that `generation` does not name; starts nothing.
    void keep_only(const conf::Generation& generation);
    /// Closes one socket of a reuseport group.
    void release(ListenerId id, std::uint16_t member);
    /// Closes all: this worker takes no new work. What waits in the queues is accepted first,
    /// because nobody else may come for it.
    void drain_and_close();
    void close_all() { held_.clear(); }

  private:
    struct Held;

    void start(ListenerId id, Held& held, bool is_multi_accept);

    using Key = std::pair<ListenerId, std::uint16_t>;

    struct Held {
        sys::UniqueFd waiting;                 ///< not accepted on yet
        std::unique_ptr<net::Intake> running;  ///< owns the socket once it is
        bool is_exclusive = true;
        bool is_leaving = false;
    };

    event::Loop& loop_;
    net::AcceptGate& gate_;
    net::AcceptCallbacks callbacks_;
    IntakeMaker maker_;
    std::map<Key, Held> held_;
};

}  // namespace sluice::worker
