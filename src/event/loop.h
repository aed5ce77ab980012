// SPDX-License-Identifier: BSD-2-Clause
// Loop: where a process waits. One epoll set, timers, work posted to the end of the turn, a
// graveyard for objects that must outlive the turn in which they died, and a clock read once per
// turn instead of once per request.
// Runs in: master | worker | logger; one thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/list.h"
#include "base/units.h"
#include "event/gathering.h"
#include "event/pollable.h"
#include "event/timer.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/unique_fd.h"

namespace sluice::event {

/// Work for the end of the turn. Destroying it takes it back.
struct Posted : ListHook {
    using Run = void (*)(Posted&);
    Run run = nullptr;  ///< may post again, or destroy the Posted

    [[nodiscard]] bool is_posted() const { return is_linked(); }
};

/// Something dead that is destroyed when the turn is over and nobody can still be using it.
struct Grave : ListHook {
    using Destroy = void (*)(Grave&);
    Destroy destroy = nullptr;
};

/// Runs once per turn, before the loop sleeps: flushes and wake-ups collected during the turn.
struct TurnHook : ListHook {
    using BeforeSleep = void (*)(TurnHook&);
    BeforeSleep before_sleep = nullptr;
};

/// Where a Loop reads and spends the time; tests pass their own.
struct Clocks {
    Millis (*monotonic)() = sys::monotonic_now;
    Millis (*wall)() = sys::wall_now;
    Millis (*wall_coarse)() = sys::wall_now_coarse;
    void (*rest)(Nanos) = sys::rest;
};

/// One turn = hooks, wait, ready descriptors, timers, posted work, graves.
class Loop {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Loop>> create(const Clocks& clocks = Clocks{});

    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Starts watching `pollable.fd` for `events` (EPOLL* bits, EPOLLET among them where wanted).
    [[nodiscard]] Result<> watch(Pollable& pollable, std::uint32_t events);
    /// Changes the events. The kernel refuses this for EPOLLEXCLUSIVE: forget and watch instead.
    [[nodiscard]] Result<> modify(Pollable& pollable, std::uint32_t events);
    /// Stops watching. Events of this turn that were not delivered yet never will be, so the
    /// Pollable may be destroyed at once. Harmless for one that is not watched.
    void forget(Pollable& pollable);
    /// The same for a descriptor that the caller closes right after and that no other process or
    /// descriptor shares: the close itself takes it out of the epoll set, which saves a system
    /// call.
    void forget_before_close(const Pollable& pollable);

    /// Runs `posted` at the end of this turn; one posted while posted work runs waits for the next
    /// turn, which does not sleep. Posting what is posted already changes nothing.
    void post(Posted& posted);

    /// The same for work that got nothing of this turn: it goes before what was posted meanwhile,
    /// so that those who had their share come after those who had none.
    void post_first(Posted& posted);

    /// Takes up to `wanted` from what all descriptors together may send in this turn, so that a
    /// turn stays short however many are ready. 0: nothing is left, come again by post_first().
    /// Units: bytes.
    [[nodiscard]] std::size_t take_share(std::size_t wanted) {
        const std::size_t taken = wanted < share_left_ ? wanted : share_left_;
        share_left_ -= taken;
        return taken;
    }

    /// Gives back what of it was not used.
    void return_share(std::size_t count) { share_left_ += count; }

    /// From whoever handles a descriptor's event, once: more may gather for so long before the
    /// next. Where this was said for all events of a turn, and they were few, the loop rests for
    /// the shortest of the times before it waits again, unless there is something to do.
    void allow_rest(Nanos time) {
        ++allowing_;
        rest_ = time < rest_ ? time : rest_;
    }

    /// An event of the source that owns `seen_in`: counts it and allows what that says. Does
    /// nothing in posted work.
    void gather(Gathering& gathering, std::uint32_t& seen_in) {
        if (event_count_ != 0) {
            gathering.note(seen_in, 1, now_);
            allow_rest(gathering.rest());
        }
    }

    /// Whether it rests at all; it does unless told otherwise.
    void set_resting(bool on) { may_rest_ = on; }

    /// Destroys `grave` at the end of this turn, after the posted work.
    void bury(Grave& grave) { graves_.push_back(grave); }

    /// Calls `hook` before every sleep until it is destroyed or unlinked.
    void before_sleep(TurnHook& hook) { hooks_.push_back(hook); }

    /// Monotonic time of this turn.
    [[nodiscard]] Millis now() const { return now_; }

    /// Wall clock of this turn: milliseconds since 1970.
    [[nodiscard]] Millis wall() const { return now_ + wall_offset_; }

    /// Wall clock of this turn in whole seconds, as HTTP dates need it.
    [[nodiscard]] UnixSeconds wall_seconds() const {
        return std::chrono::floor<UnixSeconds>(wall());
    }

    /// How often the wall clock was seen to step (rather than run).
    [[nodiscard]] std::uint64_t wall_steps() const { return wall_steps_; }

    [[nodiscard]] TimerWheel& timers() { return timers_; }

    void arm(Timer& timer, Millis delay) { timers_.arm(timer, now_ + delay); }

    /// Turns until stop(). Fails: only where the kernel refuses to wait at all.
    /// Blocks: while there is nothing to do.
    [[nodiscard]] Result<> run();
    /// One turn that sleeps at most `timeout` (below zero: without limit).
    [[nodiscard]] Result<> run_once(Millis timeout);

    /// Bytes that one turn sends in answer to events, and once more in posted work: neither can
    /// leave the other without its share. sendfile needs less than a millisecond for them.
    static constexpr std::size_t kTurnShare = std::size_t{4} << 20;

    /// Ends run() after the current turn, or the next run() before its first one.
    void stop() { is_stopped_ = true; }

  private:
    static constexpr std::size_t kBatch = 256;
    // So many events at once came together without a rest.
    static constexpr std::size_t kGathered = 16;
    // The coarse clock lags by up to one tick of the kernel, 10 ms at most; more is a step, or
    // slewing that has added up.
    static constexpr Millis kWallTolerance{25};
    // That tick is at least 1 ms, so that looking more often would tell nothing new.
    static constexpr Millis kWallGrain{1};

    Loop(const Clocks& clocks, sys::UniqueFd epoll);

    [[nodiscard]] Millis sleep_limit(Millis timeout);
    void rest_if_allowed();
    void read_clocks();
    void deliver(std::size_t count);
    void run_posted();
    void empty_graves();

    Clocks clocks_;
    sys::UniqueFd epoll_;
    Millis now_;
    Millis wall_offset_;
    Millis wall_due_{};  ///< when the wall clock is looked at again
    std::uint64_t wall_steps_ = 0;
    bool is_stopped_ = false;
    TimerWheel timers_;
    IntrusiveList<TurnHook> hooks_;
    IntrusiveList<Posted> posted_;
    IntrusiveList<Posted> posted_first_;
    std::size_t share_left_ = kTurnShare;
    IntrusiveList<Grave> graves_;
    bool may_rest_ = true;
    std::size_t turn_events_ = 0;  ///< of the last turn
    std::size_t allowing_ = 0;     ///< of them: those that allow a rest
    Nanos rest_{0};
    // The events of this turn; [next_event_, event_count_) are not delivered yet.
    std::size_t next_event_ = 0;
    std::size_t event_count_ = 0;
    std::array<epoll_event, kBatch> events_;
};

}  // namespace sluice::event
