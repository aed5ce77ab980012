// SPDX-License-Identifier: BSD-2-Clause
// BufferPool: a stack of free pages.
// Runs in: worker.
#include "net/buffer_pool.h"

#include <new>
#include <utility>

namespace sluice::net {

BufferPool::BufferPool(std::size_t page_size, std::size_t retained)
    : page_size_(page_size), limit_(retained) {
    free_.reserve(retained);
}

BufferPool::Page BufferPool::take() {
    if (!free_.empty()) {
        Page page = std::move(free_.back());
        free_.pop_back();
        return page;
    }
    return allocate(page_size_);
}

// Not make_unique: want of memory must be an answer here, and pages need no zeros.
BufferPool::Page BufferPool::allocate(std::size_t size) {
    return Page(new (std::nothrow) char[size]);
}

void BufferPool::give_back(Page page) {
    if (page != nullptr && free_.size() < limit_) {
        free_.push_back(std::move(page));
    }
}

}  // namespace sluice::net
