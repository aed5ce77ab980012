// SPDX-License-Identifier: BSD-2-Clause
// Arena: the slow path, where a new block is needed.
// Runs in: any.
#include "base/arena.h"

#include <algorithm>
#include <cstdlib>

namespace sluice {

void* Arena::allocate_slow(std::size_t size) {
    constexpr std::size_t kHeader = sizeof(Block);
    static_assert(kHeader % alignof(std::max_align_t) == 0);
    if (size > SIZE_MAX - kHeader) {
        return nullptr;
    }
    const std::size_t wanted = std::max(block_size_, size + kHeader);
    if (wanted > cap_ - std::min(cap_, footprint_)) {
        return nullptr;
    }
    // The arena is one of the two places that own raw memory (STYLE, "Ownership").
    auto* const block = static_cast<Block*>(std::malloc(wanted));  // NOLINT(*-no-malloc)
    if (block == nullptr) {
        return nullptr;
    }
    block->previous = newest_;
    block->size = wanted;
    footprint_ += wanted;
    newest_ = block;
    if (first_ == nullptr) {
        first_ = block;
    }
    char* const at = reinterpret_cast<char*>(block) + kHeader;
    next_ = at + size;
    end_ = reinterpret_cast<char*>(block) + wanted;
    return at;
}

void Arena::reset() {
    if (first_ == nullptr) {
        return;
    }
    next_ = reinterpret_cast<char*>(first_) + sizeof(Block);
    if (newest_ == first_) [[likely]] {
        return;
    }
    free_blocks(first_);
    newest_ = first_;
    footprint_ = first_->size;
    end_ = reinterpret_cast<char*>(first_) + first_->size;
}

void Arena::free_blocks(Block* keep) {
    for (Block* block = newest_; block != nullptr;) {
        Block* const previous = block->previous;
        if (block != keep) {
            std::free(block);  // NOLINT(*-no-malloc)
        }
        block = previous;
    }
}

}  // namespace sluice
