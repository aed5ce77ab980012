// SPDX-License-Identifier: BSD-2-Clause
// AcceptGate: shutting for a reason, opening when none is left.
// Runs in: worker.
#include "net/accept_gate.h"

namespace sluice::net {

AcceptGate::AcceptGate(event::Loop& loop) : loop_(loop) {
    retry_.gate = this;
    retry_.fire = [](event::Timer& timer) { static_cast<Retry&>(timer).gate->retry(); };
}

void AcceptGate::shut(ShutReason reason) {
    reasons_ = static_cast<std::uint8_t>(reasons_ | static_cast<std::uint8_t>(reason));
    acceptors_.each([](Acceptor& acceptor) { acceptor.pause(); });
}

void AcceptGate::open(ShutReason reason) {
    reasons_ = static_cast<std::uint8_t>(reasons_ & ~static_cast<std::uint8_t>(reason));
    if (is_open()) {
        resume_all();
    }
}

void AcceptGate::add(Acceptor& acceptor) {
    acceptors_.push_back(acceptor);
    if (is_open()) {
        resume_all();
    }
}

// The one connection that is closed here had been promised an answer by the event; the others stay
// in the kernel's queue, where another worker may take them.
void AcceptGate::exhausted(Acceptor& acceptor, const Error& error) {
    if ((error.code == EMFILE || error.code == ENFILE) && reserve_.shed(acceptor.fd)) {
        ++shed_;
    }
    shut(ShutReason::Resources);
    loop_.arm(retry_, kRetry);
    if (on_exhausted != nullptr) {
        on_exhausted(owner, error);
    }
}

// epoll_ctl may want memory that is not there: then the timer tries again.
void AcceptGate::resume_all() {
    bool has_failed = false;
    acceptors_.each([&](Acceptor& acceptor) { has_failed |= !acceptor.resume().has_value(); });
    if (has_failed) {
        loop_.arm(retry_, kRetry);
    }
}

void AcceptGate::retry() {
    (void)reserve_.refill();  // without it accepting works too, only shedding does not
    open(ShutReason::Resources);
}

}  // namespace sluice::net
