// SPDX-License-Identifier: BSD-2-Clause
// The lock's protocol: 0 is free; else the owner's thread id, with kFutexWaiters where somebody
// sleeps and kFutexOwnerDied (and no id) where the owner died.
// Runs in: any.
#include "shm/shard_lock.h"

#include <atomic>
#include <optional>

#include "sys/clock.h"

namespace sluice::shm {

namespace {

constexpr int kSpins = 100;
/// How long to sleep before looking whether the owner still exists; the kernel tells of deaths at
/// once, so this matters only for a word that holds garbage.
constexpr Millis kNap{20};

using Word = std::atomic_ref<std::uint32_t>;

/// Takes the word if nobody living has it. `keep` are bits to set beside the id.
std::optional<Locked> try_take(Word word, std::uint32_t seen, std::uint32_t mine) {
    if ((seen & sys::kFutexOwner) != 0) {
        return std::nullopt;
    }
    const bool from_dead = (seen & sys::kFutexOwnerDied) != 0;
    if (!word.compare_exchange_strong(seen, mine | (seen & sys::kFutexWaiters),
                                      std::memory_order_acquire, std::memory_order_relaxed)) {
        return std::nullopt;
    }
    return from_dead ? Locked::FromDead : Locked::Clean;
}

/// The owner that `seen` names does not exist: takes the word over.
bool take_over(Word word, std::uint32_t seen, std::uint32_t mine) {
    const auto tid = static_cast<pid_t>(seen & sys::kFutexOwner);
    return tid != 0 && !sys::thread_exists(tid) &&
           word.compare_exchange_strong(seen, mine, std::memory_order_acquire,
                                        std::memory_order_relaxed);
}

Locked sleep_and_take(std::uint32_t& place, std::uint32_t tid) {
    const Word word(place);
    // Once one has slept others may sleep too, so the word keeps saying so.
    const std::uint32_t mine = tid | sys::kFutexWaiters;
    const Millis until = sys::monotonic_now() + kLockLimit;
    while (true) {
        std::uint32_t seen = word.load(std::memory_order_relaxed);
        if (const std::optional<Locked> taken = try_take(word, seen, mine)) {
            return *taken;
        }
        if ((seen & sys::kFutexOwner) == 0) {
            continue;
        }
        const std::uint32_t waited = seen | sys::kFutexWaiters;
        if (seen != waited &&
            !word.compare_exchange_strong(seen, waited, std::memory_order_relaxed)) {
            continue;
        }
        sys::futex_wait(place, waited, kNap);
        seen = word.load(std::memory_order_relaxed);
        if (seen == waited && take_over(word, seen, mine)) {
            return Locked::FromDead;
        }
        if (sys::monotonic_now() >= until) {
            return Locked::Busy;
        }
    }
}

}  // namespace

Locked detail::lock_taken(std::uint32_t& word, sys::RobustOwner& owner) {
    for (int spin = 0; spin < kSpins; ++spin) {
        const std::uint32_t seen = Word(word).load(std::memory_order_relaxed);
        if (const std::optional<Locked> taken = try_take(Word(word), seen, owner.tid())) {
            return *taken;
        }
    }
    const Locked taken = sleep_and_take(word, owner.tid());
    if (taken == Locked::Busy) {
        owner.forget();
    }
    return taken;
}

Locked try_lock(std::uint32_t& word, sys::RobustOwner& owner) {
    owner.announce(word);
    const std::uint32_t seen = Word(word).load(std::memory_order_relaxed);
    if (const std::optional<Locked> taken = try_take(Word(word), seen, owner.tid())) {
        return *taken;
    }
    owner.forget();
    return Locked::Busy;
}

}  // namespace sluice::shm
