// SPDX-License-Identifier: BSD-2-Clause
// Futexes: waiting on a word of shared memory, and the kernel's promise to tell others when the
// thread that owns such a word dies.
// Runs in: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <sys/types.h>

#include "base/error.h"
#include "base/units.h"

namespace sluice::sys {

/// What the kernel puts into a robust word besides the owner's thread id.
inline constexpr std::uint32_t kFutexWaiters = 0x8000'0000;
inline constexpr std::uint32_t kFutexOwnerDied = 0x4000'0000;
inline constexpr std::uint32_t kFutexOwner = 0x3fff'ffff;

/// Sleeps while `word` holds `expected`, at most `limit`. Wakes early for no reason at times.
/// Blocks: until woken.
void futex_wait(std::uint32_t& word, std::uint32_t expected, Millis limit);
/// Wakes one that waits on `word`.
void futex_wake_one(std::uint32_t& word);
/// Whether a process or thread of that id exists.
[[nodiscard]] bool thread_exists(pid_t tid);

/// The calling thread as an owner of shared words: whichever word it has announced is marked with
/// kFutexOwnerDied by the kernel when the thread ends in whatever way while it owns it.
///
/// The kernel's list of robust words stays empty: only its "operation pending" field is used, which
/// lies in this process's own memory. glibc's robust mutexes keep list pointers inside the shared
/// memory, where any process that maps it could bend them. One thread owns one word at a time.
/// Replaces glibc's own registration, so a thread that has one must not use robust mutexes.
/// Owner: one per thread that takes shared locks; a forked child makes its own.
class RobustOwner {
  public:
    [[nodiscard]] static Result<> start(RobustOwner& owner);
    RobustOwner() = default;
    ~RobustOwner();
    RobustOwner(const RobustOwner&) = delete;
    RobustOwner& operator=(const RobustOwner&) = delete;

    [[nodiscard]] std::uint32_t tid() const { return tid_; }

    /// Before the word is taken.
    void announce(std::uint32_t& word) {
        std::atomic_ref(head_.list_op_pending).store(&word, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }

    /// After it was given up, or was not had.
    void forget() {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        std::atomic_ref(head_.list_op_pending).store(nullptr, std::memory_order_relaxed);
    }

  private:
    /// As the kernel reads it (struct robust_list_head).
    struct Head {
        Head* list = nullptr;
        long futex_offset = 0;
        void* list_op_pending = nullptr;
    };

    Head head_;
    std::uint32_t tid_ = 0;
};

}  // namespace sluice::sys
