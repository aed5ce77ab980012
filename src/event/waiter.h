// SPDX-License-Identifier: BSD-2-Clause
// Waiter and Sleep: the leaves a Task waits on. What makes the wait end never resumes the Task: it
// posts, and the loop resumes. A Task destroyed while it waits takes its leaf out of every list.
// Runs in: any.
#pragma once

#include <coroutine>

#include "base/units.h"
#include "event/loop.h"

namespace sluice::event {

/// Waits until wake() is called: `Waiter done(loop); start(done); co_await done;`. Lives in the
/// frame; whoever holds a pointer to it must lose it when the frame dies. One wait per Waiter.
class Waiter : private Posted {
  public:
    explicit Waiter(Loop& loop);

    /// Resumes the Task at the end of the turn; before the co_await it makes that one not wait.
    /// Calling it again changes nothing.
    void wake();

    [[nodiscard]] bool is_awake() const { return is_awake_; }

    [[nodiscard]] bool await_ready() const noexcept { return is_awake_; }

    void await_suspend(std::coroutine_handle<> task) noexcept { task_ = task; }

    void await_resume() const noexcept {}

  private:
    Loop& loop_;
    std::coroutine_handle<> task_;
    bool is_awake_ = false;
};

/// Waits for a time: `Sleep pause(loop, Millis(50)); co_await pause;`.
class Sleep : private Timer {
  public:
    Sleep(Loop& loop, Millis delay);

    [[nodiscard]] bool await_ready() const noexcept { return waiter_.is_awake(); }

    void await_suspend(std::coroutine_handle<> task) noexcept { waiter_.await_suspend(task); }

    void await_resume() const noexcept {}

  private:
    Waiter waiter_;
};

}  // namespace sluice::event
