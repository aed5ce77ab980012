// SPDX-License-Identifier: BSD-2-Clause
// StreamWriter: the thread that writes to one descriptor which may block: a pipe, FIFO, terminal or
// socket. A reader that stands still holds up this thread and nobody else.
// Runs in: logger (a thread of it).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/units.h"
#include "logger/line_buffer.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class StreamWriter {
  public:
    /// Starts the thread.
    /// Fails: EMFILE, EAGAIN; `fd` is closed then.
    [[nodiscard]] static Result<std::unique_ptr<StreamWriter>> start(sys::UniqueFd fd);

    /// Ends the thread; what is not written is lost.
    /// Blocks: until a write that is under way returns.
    ~StreamWriter();
    StreamWriter(const StreamWriter&) = delete;
    StreamWriter& operator=(const StreamWriter&) = delete;

    /// Queues whole lines with their ends; the caller limits how much (see settled()).
    void push(std::string_view lines);
    /// Goes on with another descriptor, no line lost.
    void reopen(sys::UniqueFd fd);

    /// Bytes of queued lines that were written so far.
    [[nodiscard]] std::uint64_t settled() const { return settled_.load(std::memory_order_acquire); }

    /// errno of the last write, or 0 where it succeeded.
    [[nodiscard]] int error() const { return error_.load(std::memory_order_relaxed); }

  private:
    enum class State : std::uint8_t { Idle, Writing, BackingOff };

    StreamWriter(sys::UniqueFd fd, sys::UniqueFd bell, sys::UniqueFd epoll);

    void run();
    bool collect(State& state);
    State wait(State state);
    State back_off();
    State write_piece();
    void watch();
    void unwatch();

    std::mutex lock_;
    std::string queue_;         ///< guarded by lock_
    sys::UniqueFd next_fd_;     ///< guarded by lock_
    bool is_stopping_ = false;  ///< guarded by lock_
    std::atomic<std::uint64_t> settled_{0};
    std::atomic<int> error_{0};
    sys::UniqueFd bell_;

    // The thread's own from here on.
    sys::UniqueFd epoll_;
    sys::UniqueFd fd_;
    LineBuffer current_;
    Millis retry_at_{};
    bool is_watched_ = false;
    bool is_always_ready_ = false;
    std::thread thread_;
};

}  // namespace sluice::logger
