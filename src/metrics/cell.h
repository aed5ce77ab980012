// SPDX-License-Identifier: BSD-2-Clause
// Cells: whole words in shared memory that one process writes and anybody reads. One writer needs no
// locked instruction: adding is a load and a store.
// Runs in: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::metrics {

using Cell = std::atomic<std::uint64_t>;

static_assert(Cell::is_always_lock_free && sizeof(Cell) == 8);

/// Adds to a cell that only the caller writes.
inline void bump(Cell& cell, std::uint64_t by = 1) {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

/// The cells of one group in one slot, indexed by the group's enumeration. One process writes;
/// anybody may read. A default-made one counts nothing.
/// Lives: as long as the Board.
template <class Enum>
class Counters {
  public:
    Counters() = default;

    explicit Counters(std::span<Cell> cells) : cells_(cells) {}

    void add(Enum row, std::uint64_t by = 1) {
        if (has(row)) [[likely]] {
            bump(cells_[index(row)], by);
        }
    }

    /// For gauges.
    void subtract(Enum row) {
        if (has(row)) [[likely]] {
            bump(cells_[index(row)], ~std::uint64_t{0});
        }
    }

    void set(Enum row, std::uint64_t value) {
        if (has(row)) {
            cells_[index(row)].store(value, std::memory_order_relaxed);
        }
    }

    [[nodiscard]] std::uint64_t value(Enum row) const {
        return has(row) ? cells_[index(row)].load(std::memory_order_relaxed) : 0;
    }

  private:
    static constexpr std::size_t index(Enum row) { return static_cast<std::size_t>(row); }

    [[nodiscard]] bool has(Enum row) const { return index(row) < cells_.size(); }

    std::span<Cell> cells_;
};

}  // namespace sluice::metrics
