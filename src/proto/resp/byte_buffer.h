// SPDX-License-Identifier: BSD-2-Clause
// ByteBuffer: bytes that are added at the end and taken from the front, in memory that is borrowed
// while there are any. A connection between two requests holds none.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace sluice::resp {

/// Blocks of one size that buffers begin with; a few are kept for the next one that wants one.
class BlockPool {
  public:
    explicit BlockPool(std::size_t block_size) : block_size_(block_size) {}

    [[nodiscard]] std::size_t block_size() const { return block_size_; }

    [[nodiscard]] std::unique_ptr<char[]> take() {
        if (count_ == 0) [[unlikely]] {
            return std::make_unique_for_overwrite<char[]>(block_size_);
        }
        return std::move(kept_[--count_]);
    }

    void give(std::unique_ptr<char[]> block) {
        if (count_ < kept_.size()) {
            kept_[count_++] = std::move(block);
        }
    }

  private:
    static constexpr std::size_t kKept = 128;

    std::size_t block_size_;
    std::size_t count_ = 0;
    std::array<std::unique_ptr<char[]>, kKept> kept_;
};

/// Owner: the connection.
class ByteBuffer {
  public:
    /// `pool` outlives it.
    explicit ByteBuffer(BlockPool& pool) : pool_(&pool) {}

    ~ByteBuffer() { release(); }

    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;

    [[nodiscard]] bool empty() const { return begin_ == end_; }

    [[nodiscard]] std::size_t size() const { return end_ - begin_; }

    /// Lives: until something is added or taken.
    [[nodiscard]] std::string_view view() const { return {data_.get() + begin_, size()}; }

    /// Room for at least `count` bytes behind the last one. Lives: as view().
    [[nodiscard]] char* room(std::size_t count) {
        if (capacity_ - end_ < count) [[unlikely]] {
            make_room(count);
        }
        return data_.get() + end_;
    }

    /// Bytes that room() can give without moving anything.
    [[nodiscard]] std::size_t room_size() const { return capacity_ - end_; }

    /// The first `count` bytes of room() were written.
    void commit(std::size_t count) { end_ += count; }

    void append(std::string_view bytes) {
        if (!bytes.empty()) {
            std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
            end_ += bytes.size();
        }
    }

    /// Takes bytes back that were added last.
    void shrink(std::size_t size) { end_ = begin_ + size; }

    /// Forgets the first `count` bytes; with the last one the memory goes.
    void consume(std::size_t count) {
        begin_ += count;
        if (begin_ == end_) {
            release();
        }
    }

    /// Gives the memory back, and with it whatever is in it.
    void release() {
        if (capacity_ == pool_->block_size()) {
            pool_->give(std::move(data_));
        }
        data_.reset();
        capacity_ = begin_ = end_ = 0;
    }

  private:
    void make_room(std::size_t count);

    BlockPool* pool_;
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace sluice::resp
