// SPDX-License-Identifier: BSD-2-Clause
// Loop: one turn, step by step.
// Runs in: master | worker | logger; one thread only.
#include "event/loop.h"

#include <algorithm>
#include <utility>

namespace sluice::event {

Result<std::unique_ptr<Loop>> Loop::create(const Clocks& clocks) {
    sys::UniqueFd epoll = TRY(sys::epoll_create());
    return std::unique_ptr<Loop>(new Loop(clocks, std::move(epoll)));
}

Loop::Loop(const Clocks& clocks, sys::UniqueFd epoll)
    : clocks_(clocks),
      epoll_(std::move(epoll)),
      now_(clocks.monotonic()),
      wall_offset_(clocks.wall() - now_),
      timers_(now_) {}

// Graves own what is in them, so nobody else will destroy it.
Loop::~Loop() {
    empty_graves();
}

Result<> Loop::watch(Pollable& pollable, std::uint32_t events) {
    return sys::epoll_add(epoll_.get(), pollable.fd, events, &pollable);
}

Result<> Loop::modify(Pollable& pollable, std::uint32_t events) {
    return sys::epoll_modify(epoll_.get(), pollable.fd, events, &pollable);
}

void Loop::forget(Pollable& pollable) {
    if (pollable.fd >= 0) {
        (void)sys::epoll_remove(epoll_.get(), pollable.fd);  // fails only for one not watched
    }
    forget_before_close(pollable);
}

void Loop::forget_before_close(const Pollable& pollable) {
    for (std::size_t i = next_event_; i < event_count_; ++i) {
        if (events_[i].data.ptr == &pollable) {
            events_[i].data.ptr = nullptr;
        }
    }
}

void Loop::post(Posted& posted) {
    if (!posted.is_posted()) {
        posted_.push_back(posted);
    }
}

void Loop::post_first(Posted& posted) {
    if (!posted.is_posted()) {
        posted_first_.push_back(posted);
    }
}

Result<> Loop::run() {
    while (!is_stopped_) {
        TRY(run_once(Millis(-1)));
    }
    is_stopped_ = false;
    return {};
}

Result<> Loop::run_once(Millis timeout) {
    hooks_.each([](TurnHook& hook) { hook.before_sleep(hook); });
    const Millis limit = sleep_limit(timeout);
    if (limit != Millis(0)) {
        rest_if_allowed();
    }
    const std::size_t count = TRY(sys::epoll_wait(epoll_.get(), events_, limit));
    read_clocks();
    share_left_ = kTurnShare;
    deliver(count);
    timers_.advance(now_);
    share_left_ = kTurnShare;
    run_posted();
    empty_graves();
    return {};
}

Millis Loop::sleep_limit(Millis timeout) {
    // A hook may have stopped the loop: then this turn is the last, and it must not sleep.
    if (is_stopped_ || !posted_.empty() || !posted_first_.empty() || !graves_.empty()) {
        return Millis(0);
    }
    const std::optional<Millis> next = timers_.next_deadline();
    if (!next) {
        return timeout;
    }
    // Counted from the cached time: a turn's length may be slept too long, but no clock is read.
    const Millis until = std::max(*next - now_, Millis(0));
    return timeout < Millis(0) ? until : std::min(until, timeout);
}

void Loop::rest_if_allowed() {
    if (allowing_ != 0 && allowing_ == turn_events_ && turn_events_ < kGathered &&
        rest_ > Nanos(0) && may_rest_) {
        clocks_.rest(rest_);
    }
}

void Loop::read_clocks() {
    now_ = clocks_.monotonic();
    if (now_ < wall_due_) {
        return;
    }
    wall_due_ = now_ + kWallGrain;
    const Millis drift = clocks_.wall_coarse() - wall();
    if (drift > kWallTolerance || drift < -kWallTolerance) {
        wall_offset_ = clocks_.wall() - now_;
        ++wall_steps_;
    }
}

void Loop::deliver(std::size_t count) {
    turn_events_ = event_count_ = count;
    allowing_ = 0;
    rest_ = Nanos::max();
    for (next_event_ = 0; next_event_ < event_count_;) {
        const epoll_event event = events_[next_event_++];
        auto* const pollable = static_cast<Pollable*>(event.data.ptr);
        if (pollable != nullptr) {
            pollable->on_ready(*pollable, event.events);
        }
    }
    next_event_ = event_count_ = 0;
}

void Loop::run_posted() {
    if (posted_.empty() && posted_first_.empty()) {
        return;
    }
    IntrusiveList<Posted> batch;
    batch.splice(posted_first_);
    batch.splice(posted_);
    while (Posted* const posted = batch.pop_front()) {
        posted->run(*posted);
    }
}

void Loop::empty_graves() {
    while (Grave* const grave = graves_.pop_front()) {
        grave->destroy(*grave);
    }
}

}  // namespace sluice::event
