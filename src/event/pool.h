// SPDX-License-Identifier: BSD-2-Clause
// Pool: threads for work that would block the loop (cold opens, saving state). The queue is bounded
// and served by priority; finished work comes back into the loop through an eventfd.
// Runs in: worker | logger; never the master, which has no thread.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/list.h"
#include "event/loop.h"
#include "event/wakeup.h"

namespace sluice::event {

enum class Priority : std::uint8_t { High, Normal, Low };

/// One piece of work. Owner: the caller; it must live until `done` ran or cancel() said true.
struct Work : ListHook {
    void (*run)(Work&) = nullptr;   ///< in a thread of the pool
    void (*done)(Work&) = nullptr;  ///< in the loop, afterwards; may destroy or submit the Work

    enum class State : std::uint8_t { Idle, Queued, Running };
    State state = State::Idle;  ///< the pool's
};

struct PoolOptions {
    std::size_t threads = 2;
    std::size_t queue_limit = 1024;
};

/// All functions are for the loop's thread.
class Pool {
  public:
    /// Starts the threads. Every signal must be blocked already, so that they inherit the mask.
    [[nodiscard]] static Result<std::unique_ptr<Pool>> create(Loop& loop,
                                                              const PoolOptions& options);
    /// Drops queued work, waits for running work; `done` of neither is called.
    /// Blocks: until the running work has ended.
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Queues `work`. False when the queue is full: do it later, or not at all.
    [[nodiscard]] bool submit(Work& work, Priority priority);
    /// True: `work` had not begun and is out of the queue, or it was not submitted. False: it is
    /// running or finished, and `done` will come.
    [[nodiscard]] bool cancel(Work& work);

    /// Work that was submitted and not yet done.
    [[nodiscard]] std::size_t pending() const { return pending_; }

  private:
    static constexpr std::size_t kPriorities = 3;

    explicit Pool(const PoolOptions& options);
    [[nodiscard]] Result<> start(Loop& loop);
    void serve();
    [[nodiscard]] Work* next_work();
    void deliver();

    PoolOptions options_;
    std::size_t pending_ = 0;
    Wakeup wakeup_;
    std::mutex mutex_;  ///< guards what follows
    std::condition_variable has_work_;
    std::array<IntrusiveList<Work>, kPriorities> queues_;
    IntrusiveList<Work> finished_;
    std::size_t queued_ = 0;
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace sluice::event
