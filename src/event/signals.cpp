// SPDX-License-Identifier: BSD-2-Clause
// Signals: reads the signalfd until it is empty.
// Runs in: any.
#include "event/signals.h"

#include <optional>

namespace sluice::event {

Result<> Signals::start(Loop& loop) {
    stop();
    signalfd_ = TRY(sys::signalfd_all());
    fd = signalfd_.get();
    on_ready = [](Pollable& self, std::uint32_t) { static_cast<Signals&>(self).read_all(); };
    loop_ = &loop;
    return loop.watch(*this, EPOLLIN);
}

void Signals::stop() {
    if (loop_ != nullptr) {
        loop_->forget(*this);
        loop_ = nullptr;
    }
    signalfd_.reset();
    fd = -1;
}

// Level-triggered: an error leaves the rest for the next turn.
void Signals::read_all() {
    while (loop_ != nullptr) {
        const Result<std::optional<sys::SignalInfo>> signal = sys::read_signal(fd);
        if (!signal || !signal->has_value()) {
            return;
        }
        on_signal_(owner_, **signal);
    }
}

}  // namespace sluice::event
