// SPDX-License-Identifier: BSD-2-Clause
// Wakeup: an eventfd in a loop. Another thread or another process writes it; the loop's owner is
// called once per turn, however often it was written.
// Runs in: any.
#pragma once

#include "base/error.h"
#include "event/loop.h"
#include "event/pollable.h"
#include "sys/unique_fd.h"

namespace sluice::event {

/// The receiving end; signal() may be called from any thread.
class Wakeup : public Pollable {
  public:
    /// The callee may stop, but not destroy, the Wakeup.
    using OnWake = void (*)(void* owner);

    Wakeup(OnWake on_wake, void* owner) : on_wake_(on_wake), owner_(owner) {}

    ~Wakeup() { stop(); }

    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    /// Makes an eventfd and watches it.
    [[nodiscard]] Result<> start(Loop& loop);
    /// Watches an eventfd that came from elsewhere (the master, an earlier process) and owns it.
    [[nodiscard]] Result<> start(Loop& loop, sys::UniqueFd eventfd);
    void stop();

    /// Makes the loop call on_wake soon. Runs in: any thread, between start() and stop().
    [[nodiscard]] Result<> signal() const;

  private:
    OnWake on_wake_;
    void* owner_;
    Loop* loop_ = nullptr;
    sys::UniqueFd eventfd_;
};

}  // namespace sluice::event
