// SPDX-License-Identifier: BSD-2-Clause
// Signals: delivers the signals of a process from a signalfd into its loop, one by one and in the
// kernel's order. No signal handler exists in the house, so nothing runs in an unsafe context.
// Runs in: any.
#pragma once

#include "base/error.h"
#include "event/loop.h"
#include "event/pollable.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

namespace sluice::event {

/// Reads signals. Every signal must be blocked already (sys::block_all_signals).
class Signals : public Pollable {
  public:
    /// The callee must not destroy the Signals.
    using OnSignal = void (*)(void* owner, const sys::SignalInfo&);

    Signals(OnSignal on_signal, void* owner) : on_signal_(on_signal), owner_(owner) {}

    ~Signals() { stop(); }

    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// Opens the signalfd and watches it.
    [[nodiscard]] Result<> start(Loop& loop);
    /// Forgets and closes it; signals stay blocked and queue up in the kernel.
    void stop();

  private:
    void read_all();

    OnSignal on_signal_;
    void* owner_;
    Loop* loop_ = nullptr;
    sys::UniqueFd signalfd_;
};

}  // namespace sluice::event
