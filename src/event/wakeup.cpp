// SPDX-License-Identifier: BSD-2-Clause
// Wakeup: an eventfd in a loop.
// Runs in: any.
#include "event/wakeup.h"

#include <utility>

namespace sluice::event {

Result<> Wakeup::start(Loop& loop) {
    return start(loop, TRY(sys::eventfd()));
}

Result<> Wakeup::start(Loop& loop, sys::UniqueFd eventfd) {
    stop();
    eventfd_ = std::move(eventfd);
    fd = eventfd_.get();
    on_ready = [](Pollable& pollable, std::uint32_t) {
        auto& self = static_cast<Wakeup&>(pollable);
        // Drained first: what is signalled while on_wake runs leads to another call.
        (void)sys::eventfd_drain(self.fd);
        self.on_wake_(self.owner_);
    };
    loop_ = &loop;
    return loop.watch(*this, EPOLLIN);
}

void Wakeup::stop() {
    if (loop_ != nullptr) {
        loop_->forget(*this);
        loop_ = nullptr;
    }
    eventfd_.reset();
    fd = -1;
}

Result<> Wakeup::signal() const {
    return sys::eventfd_signal(fd);
}

}  // namespace sluice::event
