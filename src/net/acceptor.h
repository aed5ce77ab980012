// SPDX-License-Identifier: BSD-2-Clause
// Acceptor: takes connections from one listening socket. A socket shared by all workers is watched
// level-triggered with EPOLLEXCLUSIVE, because an exclusive edge that is not served wakes no other
// worker; for the same reason pausing removes it from the epoll set rather than changing it.
// Runs in: worker.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/list.h"
#include "base/units.h"
#include "event/loop.h"
#include "event/pollable.h"
#include "net/address.h"
#include "net/intake.h"
#include "sys/unique_fd.h"

namespace sluice::net {

class Acceptor;
class AcceptGate;

/// Whom an Acceptor tells.
struct AcceptCallbacks {
    void* owner = nullptr;
    /// A new connection; its owner is the callee. It may pause, but not destroy, the Acceptor.
    void (*on_accept)(void* owner, Acceptor&, sys::UniqueFd, const Address& peer) = nullptr;
    /// accept failed for a reason other than want of descriptors or memory; may be null.
    void (*on_error)(void* owner, Acceptor&, const Error&) = nullptr;
};

struct AcceptorOptions {
    ListenerId listener;
    /// The socket is in the epoll sets of several processes.
    bool is_shared = true;
    /// Connections taken per event: 1 for a shared socket, so that the load spreads; more for
    /// one that is ours alone, or under multi_accept.
    unsigned budget = 1;
};

/// One listening socket of this worker. Destroying it closes the descriptor, which leaves the
/// listener itself alive in the master.
class Acceptor final : public event::Pollable, public ListHook, public Intake {
  public:
    /// `gate` decides when accepting stops for want of resources; it must outlive the Acceptor,
    /// which starts at once unless the gate is shut, then when it opens.
    Acceptor(event::Loop& loop,
             AcceptGate& gate,
             sys::UniqueFd listening,
             const AcceptorOptions& options,
             const AcceptCallbacks& callbacks);

    ~Acceptor() override { pause(); }

    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    /// Leaves the epoll set; clients queue in the kernel or go to other workers. The gate's to
    /// call: it resumes every Acceptor when it opens. To stop one listener for good, destroy its
    /// Acceptor.
    void pause();
    /// Enters it again. Does nothing where it is in.
    [[nodiscard]] Result<> resume();

    /// Takes what waits in the queue now, at most `limit` connections, whatever the budget is.
    void drain(unsigned limit) override;
    [[nodiscard]] bool is_paused() const { return is_paused_; }

    [[nodiscard]] ListenerId listener() const { return options_.listener; }

  private:
    void accept_some();
    [[nodiscard]] bool accept_one();

    event::Loop& loop_;
    AcceptGate& gate_;
    sys::UniqueFd listening_;
    AcceptorOptions options_;
    AcceptCallbacks callbacks_;
    bool is_paused_ = true;
};

}  // namespace sluice::net
