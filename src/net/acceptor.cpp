// SPDX-License-Identifier: BSD-2-Clause
// Acceptor: from a readiness event to accepted sockets.
// Runs in: worker.
#include "net/acceptor.h"

#include <utility>

#include "net/accept_gate.h"
#include "sys/socket.h"

namespace sluice::net {

namespace {

// The kernel's "not now" for want of something that comes back by itself.
bool is_exhaustion(int code) {
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(event::Loop& loop,
                   AcceptGate& gate,
                   sys::UniqueFd listening,
                   const AcceptorOptions& options,
                   const AcceptCallbacks& callbacks)
    : loop_(loop),
      gate_(gate),
      listening_(std::move(listening)),
      options_(options),
      callbacks_(callbacks) {
    fd = listening_.get();
    on_ready = [](event::Pollable& self, std::uint32_t) {
        static_cast<Acceptor&>(self).accept_some();
    };
    gate_.add(*this);
}

void Acceptor::pause() {
    if (!is_paused_) {
        is_paused_ = true;
        loop_.forget(*this);
    }
}

Result<> Acceptor::resume() {
    if (!is_paused_) {
        return {};
    }
    const std::uint32_t exclusive = options_.is_shared ? std::uint32_t{EPOLLEXCLUSIVE} : 0U;
    TRY(loop_.watch(*this, EPOLLIN | exclusive));
    is_paused_ = false;
    return {};
}

// Level-triggered: what the budget leaves is reported again in the next turn.
void Acceptor::accept_some() {
    for (unsigned i = 0; i < options_.budget && !is_paused_; ++i) {
        if (!accept_one()) {
            return;
        }
    }
}

void Acceptor::drain(unsigned limit) {
    for (unsigned i = 0; i < limit && accept_one(); ++i) {
    }
}

bool Acceptor::accept_one() {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    Result<sys::UniqueFd> accepted = sys::accept(fd, &storage, &size);
    if (accepted) {
        callbacks_.on_accept(callbacks_.owner, *this, std::move(*accepted),
                             Address::from_kernel(storage, size));
        return true;
    }
    const Error& error = accepted.error();
    if (is_exhaustion(error.code)) {
        gate_.exhausted(*this, error);
    } else if (error.code != EAGAIN && callbacks_.on_error != nullptr) {
        callbacks_.on_error(callbacks_.owner, *this, error);
    }
    return false;
}

}  // namespace sluice::net
