// SPDX-License-Identifier: BSD-2-Clause
// ShardLock: the lock of one shard of a zone, a word in shared memory that holds its owner's thread
// id. When the owner dies the kernel marks the word, and the next one that takes it is told so and
// repairs what the lock protects.
// Runs in: any.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.h"
#include "sys/futex.h"

namespace sluice::shm {

enum class Locked : std::uint8_t {
    Clean,     ///< taken
    FromDead,  ///< taken; the last owner died inside its section
    Busy,      ///< not taken: the owner lives and did not let go in kLockLimit
};

/// A worker waits no longer than this for a shard, whatever its owner does (stopped by a debugger,
/// starved): it then goes on without the zone.
inline constexpr Millis kLockLimit{200};

namespace detail {
/// For a word that was not free and has been announced.
[[nodiscard]] Locked lock_taken(std::uint32_t& word, sys::RobustOwner& owner);
}  // namespace detail

/// Takes the lock. `owner` holds no other one.
/// Blocks: at most kLockLimit.
[[nodiscard]] inline Locked lock(std::uint32_t& word, sys::RobustOwner& owner) {
    owner.announce(word);
    std::uint32_t seen = 0;
    if (std::atomic_ref(word).compare_exchange_strong(seen, owner.tid(), std::memory_order_acquire,
                                                      std::memory_order_relaxed)) [[likely]] {
        return Locked::Clean;
    }
    return detail::lock_taken(word, owner);
}

/// The same without waiting: Busy where somebody living has it. `owner` holds no other one.
[[nodiscard]] Locked try_lock(std::uint32_t& word, sys::RobustOwner& owner);

inline void unlock(std::uint32_t& word, sys::RobustOwner& owner) {
    const std::uint32_t was = std::atomic_ref(word).exchange(0, std::memory_order_release);
    if ((was & sys::kFutexWaiters) != 0) [[unlikely]] {
        sys::futex_wake_one(word);
    }
    owner.forget();
}

}  // namespace sluice::shm
