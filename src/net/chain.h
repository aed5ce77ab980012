// SPDX-License-Identifier: BSD-2-Clause
// Chain: what is to be sent, as a short queue of memory pieces and file ranges. It owns no memory
// and no descriptor: bodies push what they have, the chain writer takes it off the front.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <sys/types.h>

namespace sluice::net {

/// A run of bytes in memory or in a file.
struct Piece {
    enum class Kind : std::uint8_t { Memory, File };

    Kind kind = Kind::Memory;
    const char* data = nullptr;  ///< Memory
    std::size_t size = 0;
    int fd = -1;       ///< File
    off_t offset = 0;  ///< File

    [[nodiscard]] static Piece memory(std::string_view bytes) {
        return {.data = bytes.data(), .size = bytes.size()};
    }

    [[nodiscard]] static Piece file(int fd, off_t offset, std::size_t size) {
        return {.kind = Kind::File, .size = size, .fd = fd, .offset = offset};
    }

    [[nodiscard]] bool is_file() const { return kind == Kind::File; }
};

/// Bounded queue of pieces. Lives: what a piece points to must live until the chain has drained it.
class Chain {
  public:
    static constexpr std::size_t kCapacity = 16;

    /// Appends; false when there is no room (nothing is changed). An empty piece is dropped.
    [[nodiscard]] bool push(const Piece& piece);

    [[nodiscard]] bool push_memory(std::string_view bytes) { return push(Piece::memory(bytes)); }

    [[nodiscard]] bool push_file(int fd, off_t offset, std::size_t size) {
        return push(Piece::file(fd, offset, size));
    }

    /// Bytes that are still to be sent.
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    [[nodiscard]] bool empty() const { return first_ == end_; }

    /// How many more pieces push() takes.
    [[nodiscard]] std::size_t room() const { return kCapacity - size(); }

    [[nodiscard]] std::size_t size() const { return end_ - first_; }

    /// The i-th piece from the front.
    [[nodiscard]] const Piece& operator[](std::size_t i) const { return pieces_[first_ + i]; }

    [[nodiscard]] const Piece& front() const { return pieces_[first_]; }

    /// Takes `count` bytes off the front; BUG when there are fewer.
    void consume(std::size_t count);
    void clear();

  private:
    std::array<Piece, kCapacity> pieces_;
    std::size_t first_ = 0;
    std::size_t end_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace sluice::net
