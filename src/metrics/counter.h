// SPDX-License-Identifier: BSD-2-Clause
// Counters: a row beside the code that counts names each one; its value lives in a lane of plain
// 64-bit words per slot in shared memory, written by one process and summed by readers. So counting
// costs one load and one store, and a value survives reload, respawn and upgrade.
// Runs in: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "sys/memory.h"
#include "sys/unique_fd.h"

namespace sluice::metrics {

/// One counter: its exported name and one sentence for operators.
struct Row {
    std::string_view name;
    std::string_view help;
};

/// The counters of one slot. One process writes; anybody may read.
/// Lives: as long as the Board. A default-made lane counts nothing.
class Lane {
  public:
    Lane() = default;

    explicit Lane(std::span<std::atomic<std::uint64_t>> cells) : cells_(cells) {}

    /// Adds `n` to the counter of row `index`; an index out of range is ignored.
    void add(std::size_t index, std::uint64_t n = 1) {
        if (index < cells_.size()) [[likely]] {
            // One writer: no locked instruction is needed, only whole words.
            const std::uint64_t old = cells_[index].load(std::memory_order_relaxed);
            cells_[index].store(old + n, std::memory_order_relaxed);
        }
    }

    [[nodiscard]] std::uint64_t value(std::size_t index) const {
        return index < cells_.size() ? cells_[index].load(std::memory_order_relaxed) : 0;
    }

  private:
    std::span<std::atomic<std::uint64_t>> cells_;
};

/// The lanes of all slots, in one memfd that the master owns.
class Board {
  public:
    /// Fails: EINVAL where a count is 0 or too large.
    [[nodiscard]] static Result<Board> create(std::size_t slots, std::size_t rows);
    /// Maps another process's board; takes `fd`.
    /// Fails: EPROTO where header, size or number of rows are not as expected.
    [[nodiscard]] static Result<Board> attach(sys::UniqueFd fd, std::size_t rows);

    [[nodiscard]] Lane lane(SlotId slot) const;
    /// The counter's value over all slots.
    [[nodiscard]] std::uint64_t sum(std::size_t index) const;

    [[nodiscard]] int fd() const { return fd_.get(); }

    [[nodiscard]] std::size_t rows() const { return rows_; }

  private:
    Board(sys::UniqueFd fd, sys::Mapping mapping, std::size_t slots, std::size_t rows);

    sys::UniqueFd fd_;
    sys::Mapping mapping_;
    std::size_t slots_ = 0;
    std::size_t rows_ = 0;
};

}  // namespace sluice::metrics
