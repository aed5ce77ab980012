// SPDX-License-Identifier: BSD-2-Clause
// WriterQueue: what passes between the logger's loop and one writing thread beside the backlog: up to
// where it may be written and new descriptors one way; what was lost and what went wrong the other
// way. The loop never waits for the thread: the lock is held for a swap of descriptors.
// Runs in: logger (its loop, and one thread of it).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "sys/epoll.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class WriterQueue {
  public:
    /// Makes the bell and an epoll set that hears it (with a null pointer as data).
    [[nodiscard]] Result<> open() {
        bell_ = TRY(sys::eventfd());
        epoll_ = TRY(sys::epoll_create());
        return sys::epoll_add(epoll_.get(), bell_.get(), EPOLLIN, nullptr);
    }

    // ---- for the logger's loop ----

    /// Before the thread runs: nothing from position `start` on may be written yet.
    void release_from(std::uint64_t start) { released_.store(start, std::memory_order_relaxed); }

    /// The backlog may be written up to position `end`.
    void release(std::uint64_t end) {
        released_.store(end, std::memory_order_release);
        ring();
    }

    /// The thread goes on with another descriptor.
    void reopen(sys::UniqueFd fd) {
        {
            const std::lock_guard guard(lock_);
            next_fd_ = std::move(fd);
        }
        ring();
    }

    void stop() {
        {
            const std::lock_guard guard(lock_);
            is_stopping_ = true;
        }
        ring();
    }

    /// Lines that were given up.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

    /// errno of the last attempt, or 0 where it succeeded.
    [[nodiscard]] int error() const { return error_.load(std::memory_order_relaxed); }

    // ---- for both ----

    [[nodiscard]] std::uint64_t released() const {
        return released_.load(std::memory_order_acquire);
    }

    // ---- for the thread ----

    /// Gives a new descriptor, if any; false: end now.
    [[nodiscard]] bool collect(sys::UniqueFd& next) {
        const std::lock_guard guard(lock_);
        if (next_fd_) {
            next = std::move(next_fd_);
        }
        return !is_stopping_;
    }

    void drop(std::uint64_t lines) { dropped_.fetch_add(lines, std::memory_order_relaxed); }

    void set_error(int code) { error_.store(code, std::memory_order_relaxed); }

    [[nodiscard]] int epoll() const { return epoll_.get(); }

    void hush() { static_cast<void>(sys::eventfd_drain(bell_.get())); }

  private:
    void ring() { static_cast<void>(sys::eventfd_signal(bell_.get())); }

    std::atomic<std::uint64_t> released_{0};
    std::mutex lock_;
    sys::UniqueFd next_fd_;     ///< guarded by lock_
    bool is_stopping_ = false;  ///< guarded by lock_
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<int> error_{0};
    sys::UniqueFd bell_;
    sys::UniqueFd epoll_;
};

}  // namespace sluice::logger
