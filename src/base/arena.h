// SPDX-License-Identifier: BSD-2-Clause
// Arena: a bump allocator with a cap. One exchange, or one generation, takes all its small memory
// from one arena and gives it back at once; nothing in it is destroyed one by one.
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice {

/// Bump allocator. Blocks come from malloc; `reset()` keeps the first block, so a reused arena
/// allocates nothing once it is warm.
/// Fails: `allocate` returns nullptr when `cap` would be passed; the arena stays usable.
class Arena {
  public:
    static constexpr std::size_t kNoCap = SIZE_MAX;

    explicit Arena(std::size_t block_size = 4096, std::size_t cap = kNoCap)
        : block_size_(block_size), cap_(cap) {}

    ~Arena() { free_blocks(nullptr); }
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    /// Memory of `size` bytes; `align` is a power of two, at most 16. nullptr past the cap.
    [[nodiscard]] void* allocate(std::size_t size, std::size_t align = alignof(std::max_align_t)) {
        const std::size_t padding = (0 - reinterpret_cast<std::uintptr_t>(next_)) & (align - 1);
        if (size + padding <= static_cast<std::size_t>(end_ - next_)) [[likely]] {
            char* const at = next_ + padding;
            next_ = at + size;
            return at;
        }
        return allocate_slow(size);
    }

    /// A new T in the arena; T must be trivially destructible, because no destructor ever runs.
    /// nullptr past the cap.
    template <class T, class... Args>
    [[nodiscard]] T* make(Args&&... args) {
        static_assert(std::is_trivially_destructible_v<T>);
        void* const at = allocate(sizeof(T), alignof(T));
        return at == nullptr ? nullptr : ::new (at) T(std::forward<Args>(args)...);
    }

    /// `count` value-initialised Ts; empty past the cap.
    template <class T>
    [[nodiscard]] std::span<T> make_span(std::size_t count) {
        static_assert(std::is_trivially_destructible_v<T>);
        if (count > SIZE_MAX / sizeof(T)) {
            return {};
        }
        void* const at = allocate(count * sizeof(T), alignof(T));
        if (at == nullptr) {
            return {};
        }
        T* const first = static_cast<T*>(at);
        for (std::size_t i = 0; i < count; ++i) {
            ::new (static_cast<void*>(first + i)) T{};
        }
        return {first, count};
    }

    /// A copy of `text` that lives as long as the arena; empty (data() == nullptr) past the cap.
    [[nodiscard]] std::string_view copy(std::string_view text) {
        char* const at = static_cast<char*>(allocate(text.size() + 1, 1));
        if (at == nullptr) {
            return {};
        }
        if (!text.empty()) {  // memcpy must not be given a null pointer, even for nothing
            std::memcpy(at, text.data(), text.size());
        }
        at[text.size()] = '\0';
        return {at, text.size()};
    }

    /// Gives everything back except the first block.
    void reset();

    /// Bytes taken from malloc so far.
    [[nodiscard]] std::size_t footprint() const { return footprint_; }

  private:
    struct Block {
        Block* previous;
        std::size_t size;
    };

    void* allocate_slow(std::size_t size);
    void free_blocks(Block* keep);

    char* next_ = nullptr;
    char* end_ = nullptr;
    Block* newest_ = nullptr;
    Block* first_ = nullptr;
    std::size_t block_size_;
    std::size_t cap_;
    std::size_t footprint_ = 0;
};

}  // namespace sluice
