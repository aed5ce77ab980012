// SPDX-License-Identifier: BSD-2-Clause
// Waiter and Sleep: posts that resume a Task.
// Runs in: any.
#include "event/waiter.h"

namespace sluice::event {

Waiter::Waiter(Loop& loop) : loop_(loop) {
    run = [](Posted& self) {
        const std::coroutine_handle<> task = static_cast<Waiter&>(self).task_;
        if (task) {
            task.resume();
        }
    };
}

void Waiter::wake() {
    if (is_awake_) {
        return;
    }
    is_awake_ = true;
    if (task_) {
        loop_.post(*this);
    }
}

Sleep::Sleep(Loop& loop, Millis delay) : waiter_(loop) {
    fire = [](Timer& self) { static_cast<Sleep&>(self).waiter_.wake(); };
    loop.timers().arm(*this, loop.now() + delay);
}

}  // namespace sluice::event
