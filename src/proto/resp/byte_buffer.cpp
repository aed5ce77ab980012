// SPDX-License-Identifier: BSD-2-Clause
// Memory of buffers: blocks of the pool first, then twice as much each time.
// Runs in: worker.
#include "proto/resp/byte_buffer.h"

#include <algorithm>
#include <utility>

namespace sluice::resp {

void ByteBuffer::make_room(std::size_t count) {
    const std::size_t held = size();
    if (capacity_ == 0 && count <= pool_->block_size()) [[likely]] {
        data_ = pool_->take();
        capacity_ = pool_->block_size();
        return;
    }
    if (capacity_ - held >= count && begin_ >= held) {
        // What was taken from the front is enough, and moving costs less than was taken.
        std::memcpy(data_.get(), data_.get() + begin_, held);
        begin_ = 0;
        end_ = held;
        return;
    }
    const std::size_t wanted = std::max(held + count, std::min(capacity_ * 2, held * 4));
    const bool is_first = wanted <= pool_->block_size();
    const std::size_t capacity = is_first ? pool_->block_size() : wanted;
    std::unique_ptr<char[]> grown =
        is_first ? pool_->take() : std::make_unique_for_overwrite<char[]>(capacity);
    if (held > 0) {
        std::memcpy(grown.get(), data_.get() + begin_, held);
    }
    release();
    data_ = std::move(grown);
    capacity_ = capacity;
    end_ = held;
}

}  // namespace sluice::resp
