// SPDX-License-Identifier: BSD-2-Clause
// FrameArena: a stack of coroutine frames. Tasks end in the reverse order of their start, so a
// frame is given back by moving the top down; memory comes from the arena of the exchange and is
// reused. Runs in: any.
#pragma once

#include <cstddef>

#include "base/arena.h"

namespace sluice::event {

/// LIFO memory for frames. Fails: allocate() gives nullptr past the cap or the arena's cap.
class FrameArena {
  public:
    static constexpr std::size_t kChunkSize = 2048;

    /// `cap` limits the bytes of live frames, so that no recursion eats the arena.
    explicit FrameArena(Arena& backing, std::size_t cap = std::size_t{64} * 1024)
        : backing_(backing), cap_(cap) {}

    FrameArena(const FrameArena&) = delete;
    FrameArena& operator=(const FrameArena&) = delete;

    /// Memory for one frame, aligned for anything.
    [[nodiscard]] void* allocate(std::size_t size);
    /// Gives `frame` back to the FrameArena it came from. BUG unless it is the newest one alive.
    static void pop(void* frame);

    [[nodiscard]] bool empty() const { return live_bytes_ == 0; }

    /// Bytes of live frames, their headers included.
    [[nodiscard]] std::size_t live_bytes() const { return live_bytes_; }

    /// Forgets all chunks; call it when the backing arena is reset. BUG unless empty().
    void reset();

  private:
    struct alignas(std::max_align_t) Chunk {
        Chunk* previous;
        Chunk* next;
        char* top;
        char* end;
    };

    struct alignas(std::max_align_t) Header {
        FrameArena* arena;
        std::size_t size;
    };

    [[nodiscard]] bool make_room(std::size_t size);

    Arena& backing_;
    Chunk* chunk_ = nullptr;
    std::size_t cap_;
    std::size_t live_bytes_ = 0;
};

}  // namespace sluice::event
