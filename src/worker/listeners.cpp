// SPDX-License-Identifier: BSD-2-Clause
// The table of held listening sockets.
// Runs in: worker.
#include "worker/listeners.h"

namespace sluice::worker {

namespace {

// A socket that is ours alone spreads nothing by taking one connection at a time.
constexpr unsigned kOwnBudget = 16;
constexpr unsigned kMultiAcceptBudget = 64;
// More than that in one queue means that clients come faster than they are taken.
constexpr unsigned kDrainLimit = 4096;

}  // namespace

void Listeners::grant(const ipc::ListenerGrant& grant, sys::UniqueFd socket) {
    Held& held = held_[Key{grant.id, grant.member}];
    held.running.reset();
    held.is_leaving = false;
    held.waiting = std::move(socket);
    held.is_exclusive = grant.is_exclusive;
}

bool Listeners::adopt(const conf::Generation& generation, bool is_multi_accept) {
    bool some_leave = false;
    for (auto& [key, held] : held_) {
        held.is_leaving = generation.find_listen(key.first) == nullptr;
        some_leave = some_leave || held.is_leaving;
        if (held.is_leaving) {
            continue;
        }
        if (held.running == nullptr) {
            start(key.first, held, is_multi_accept);
        }
    }
    return some_leave;
}

void Listeners::start(ListenerId id, Held& held, bool is_multi_accept) {
    if (maker_.make != nullptr) {
        held.running = maker_.make(maker_.owner, id, held.waiting);
        if (held.running != nullptr) {
            return;
        }
    }
    const unsigned own = held.is_exclusive ? 1U : kOwnBudget;
    const net::AcceptorOptions options{.listener = id,
                                       .is_shared = held.is_exclusive,
                                       .budget = is_multi_accept ? kMultiAcceptBudget : own};
    held.running = std::make_unique<net::Acceptor>(loop_, gate_, std::move(held.waiting), options,
                                                   callbacks_);
}

void Listeners::close_leaving() {
    std::erase_if(held_, [](const auto& entry) { return entry.second.is_leaving; });
}

void Listeners::keep_only(const conf::Generation& generation) {
    std::erase_if(held_, [&](const auto& entry) {
        return generation.find_listen(entry.first.first) == nullptr;
    });
}

void Listeners::drain_and_close() {
    for (auto& [key, held] : held_) {
        if (held.running != nullptr) {
            held.running->drain(kDrainLimit);
        }
    }
    held_.clear();
}

void Listeners::release(ListenerId id, std::uint16_t member) {
    held_.erase(Key{id, member});
}

}  // namespace sluice::worker
