// SPDX-License-Identifier: BSD-2-Clause
// Pool: threads for work that would block the loop (cold opens, reads from disk, saving state). The
// queue is bounded and served by priority; finished work comes back into the loop through an
// eventfd. Nothing is started before the first work is there, and a thread only where none is idle,
// so that a process that never needs the pool pays nothing for it.
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
    std::size_t threads = 2;  ///< at most
    std::size_t queue_limit = 1024;
};

/// All functions are for the loop's thread. Every signal must be blocked, so that the threads
/// inherit the mask; a process that forks must not have begun to use its pool.
class Pool {
  public:
    Pool(Loop& loop, const PoolOptions& options) : Pool(options) { loop_ = &loop; }
    /// The same on the heap.
    [[nodiscard]] static Result<std::unique_ptr<Pool>> create(Loop& loop,
                                                              const PoolOptions& options);
    /// stop() without a limit.
    /// Blocks: until the running work has ended.
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Holds for what is submitted from now on; threads that are too many stay.
    void set_options(const PoolOptions& options);
    /// Queues `work`. False when the queue is full or no thread can be had: do it yourself, later,
    /// or not at all.
    [[nodiscard]] bool submit(Work& work, Priority priority);
    /// Drops queued work and waits for running work; `done` of neither is called, all of it is Idle
    /// then. False: some still runs after `limit`, and nothing changed state. What it uses must
    /// stay, so that the process can only exit.
    /// Blocks: up to `limit`.
    [[nodiscard]] bool stop(Millis limit);
    /// True: `work` had not begun and is out of the queue, or it was not submitted. False: it is
    /// running or finished, and `done` will come.
    [[nodiscard]] bool cancel(Work& work);

    /// Work that was submitted and not yet done.
    [[nodiscard]] std::size_t pending() const { return pending_; }
    /// Threads that were started.
    [[nodiscard]] std::size_t threads() const { return threads_.size(); }

  private:
    static constexpr std::size_t kPriorities = 3;

    explicit Pool(const PoolOptions& options);
    [[nodiscard]] bool has_thread_for_more();
    void begin_stop();
    void serve();
    [[nodiscard]] Work* next_work();
    void deliver();

    PoolOptions options_;
    Loop* loop_ = nullptr;
    std::size_t pending_ = 0;
    bool is_watched_ = false;
    Wakeup wakeup_;
    std::mutex mutex_;  ///< guards what follows
    std::condition_variable has_work_;
    std::condition_variable has_ended_;
    std::array<IntrusiveList<Work>, kPriorities> queues_;
    IntrusiveList<Work> finished_;
    std::size_t queued_ = 0;
    std::size_t idle_ = 0;     ///< threads that wait for work
    std::size_t running_ = 0;  ///< threads that have not ended
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace sluice::event
