// SPDX-License-Identifier: BSD-2-Clause
// FrameArena: chunks of the backing arena used as one stack.
// Runs in: any.
#include "event/frame_arena.h"

#include <algorithm>
#include <new>

#include "base/bug.h"

namespace sluice::event {

void* FrameArena::allocate(std::size_t size) {
    constexpr std::size_t kAlign = alignof(std::max_align_t);
    if (size > cap_) {
        return nullptr;
    }
    const std::size_t whole = (sizeof(Header) + size + kAlign - 1) / kAlign * kAlign;
    if (whole > cap_ - std::min(cap_, live_bytes_) || !make_room(whole)) {
        return nullptr;
    }
    auto* const header = ::new (static_cast<void*>(chunk_->top)) Header{this, whole};
    chunk_->top += whole;
    live_bytes_ += whole;
    return header + 1;
}

void FrameArena::pop(void* frame) {
    Header* const header = static_cast<Header*>(frame) - 1;
    FrameArena& arena = *header->arena;
    Chunk* chunk = arena.chunk_;
    char* const start = static_cast<char*>(static_cast<void*>(header));
    BUG_UNLESS(start + header->size == chunk->top, "a coroutine frame died before a newer one");
    arena.live_bytes_ -= header->size;
    chunk->top = start;
    // An emptied chunk stays linked behind the one that becomes current, and is used again.
    const char* const base = static_cast<char*>(static_cast<void*>(chunk + 1));
    if (start == base && chunk->previous != nullptr) {
        arena.chunk_ = chunk->previous;
    }
}

void FrameArena::reset() {
    BUG_UNLESS(empty(), "frames are alive while their arena is reset");
    chunk_ = nullptr;
}

bool FrameArena::make_room(std::size_t size) {
    if (chunk_ != nullptr && size <= static_cast<std::size_t>(chunk_->end - chunk_->top)) {
        return true;
    }
    if (chunk_ != nullptr && chunk_->next != nullptr) {
        Chunk* const kept = chunk_->next;
        if (size <= static_cast<std::size_t>(kept->end - kept->top)) {
            chunk_ = kept;
            return true;
        }
    }
    const std::size_t room = std::max(kChunkSize - sizeof(Chunk), size);
    void* const at = backing_.allocate(sizeof(Chunk) + room, alignof(Chunk));
    if (at == nullptr) {
        return false;
    }
    auto* const chunk = ::new (at) Chunk{chunk_, nullptr, nullptr, nullptr};
    chunk->top = static_cast<char*>(at) + sizeof(Chunk);
    chunk->end = chunk->top + room;
    if (chunk_ != nullptr) {
        chunk_->next = chunk;
    }
    chunk_ = chunk;
    return true;
}

}  // namespace sluice::event
