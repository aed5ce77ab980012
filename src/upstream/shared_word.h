// SPDX-License-Identifier: BSD-2-Clause
// SharedWord: one number in memory that several processes read and change: whole at any moment,
// ordered by nothing. Changes that belong together happen under their store's lock.
// Runs in: any.
#pragma once

#include <atomic>

namespace sluice::upstream {

template <class T>
class SharedWord {
  public:
    [[nodiscard]] T get() const { return word_.load(std::memory_order_relaxed); }

    void set(T value) { word_.store(value, std::memory_order_relaxed); }

    /// For writers that hold the lock.
    void add(T value) { set(static_cast<T>(get() + value)); }

    /// For writers without it.
    void add_alone(T value) { word_.fetch_add(value, std::memory_order_relaxed); }

  private:
    std::atomic<T> word_{};
    static_assert(std::atomic<T>::is_always_lock_free);
};

}  // namespace sluice::upstream
