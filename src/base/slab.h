// SPDX-License-Identifier: BSD-2-Clause
// Slab: objects of one type in large blocks with a free list, so that what comes and goes with
// every connection costs no malloc once its block is there, and no allocator header per object.
// Runs in: any; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace sluice {

/// Owner of its blocks, not of the objects: destroy every one before the slab goes.
template <class T, std::size_t kPerBlock = 64>
class Slab {
  public:
    Slab() = default;
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;

    /// A new T. Blocks are taken from the heap as needed and kept.
    template <class... Args>
    [[nodiscard]] T* make(Args&&... args) {
        if (free_ == nullptr) {
            add_block();
        }
        Cell* const cell = free_;
        free_ = cell->next;
        ++live_;
        return ::new (static_cast<void*>(cell->bytes)) T(std::forward<Args>(args)...);
    }

    void destroy(T* object) noexcept {
        object->~T();
        Cell* const cell = ::new (static_cast<void*>(object)) Cell;
        cell->next = free_;
        free_ = cell;
        --live_;
    }

    [[nodiscard]] std::size_t live() const { return live_; }

  private:
    union Cell {
        Cell() : next(nullptr) {}
        Cell* next;
        alignas(T) std::byte bytes[sizeof(T)];
    };

    void add_block() {
        blocks_.push_back(std::make_unique<std::array<Cell, kPerBlock>>());
        for (Cell& cell : *blocks_.back()) {
            cell.next = free_;
            free_ = &cell;
        }
    }

    std::vector<std::unique_ptr<std::array<Cell, kPerBlock>>> blocks_;
    Cell* free_ = nullptr;
    std::size_t live_ = 0;
};

}  // namespace sluice
