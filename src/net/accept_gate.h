// SPDX-License-Identifier: BSD-2-Clause
// AcceptGate: whether this worker accepts connections at all. It stops every Acceptor when
// descriptors, memory or worker_connections run out and starts them again: by a timer, so that
// nothing spins, and within half a second.
// Runs in: worker.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/list.h"
#include "base/units.h"
#include "event/loop.h"
#include "event/timer.h"
#include "net/acceptor.h"
#include "net/reserve_fd.h"

namespace sluice::net {

/// Why the gate is shut. It opens when no reason is left.
enum class ShutReason : std::uint8_t {
    Resources = 1,    ///< the kernel gave no descriptor or memory; the gate's own timer ends it
    Connections = 2,  ///< worker_connections is reached
    Retiring = 4,     ///< this worker takes no new work
};

class AcceptGate {
  public:
    /// How long accepting stops after the kernel refused a descriptor.
    static constexpr Millis kRetry{200};

    explicit AcceptGate(event::Loop& loop);
    AcceptGate(const AcceptGate&) = delete;
    AcceptGate& operator=(const AcceptGate&) = delete;

    /// Called once per shutting for want of resources, with the error; may be null. The place to
    /// shed idle connections and to log, at most once per period.
    void (*on_exhausted)(void* owner, const Error&) = nullptr;
    void* owner = nullptr;

    /// Opens the reserve descriptor. Call it once at start.
    [[nodiscard]] Result<> prepare() { return reserve_.refill(); }

    /// Pauses all acceptors until open(reason) takes the last reason away.
    void shut(ShutReason reason);
    void open(ShutReason reason);

    [[nodiscard]] bool is_open() const { return reasons_ == 0; }

    /// Connections that were closed unserved for want of descriptors.
    [[nodiscard]] std::uint64_t shed_connections() const { return shed_; }

  private:
    friend class Acceptor;

    struct Retry : event::Timer {
        AcceptGate* gate = nullptr;
    };

    void add(Acceptor& acceptor);
    void exhausted(Acceptor& acceptor, const Error& error);
    void resume_all();
    void retry();

    event::Loop& loop_;
    IntrusiveList<Acceptor> acceptors_;
    ReserveFd reserve_;
    Retry retry_;
    std::uint64_t shed_ = 0;
    std::uint8_t reasons_ = 0;
};

}  // namespace sluice::net
