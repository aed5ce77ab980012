// SPDX-License-Identifier: BSD-2-Clause
// Shared memory: sealed and plain memfds and their mappings.
// Runs in: any.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::sys {

/// Owns one mapping and unmaps it.
class Mapping {
  public:
    Mapping() = default;
    Mapping(void* at, std::size_t size) : at_(at), size_(size) {}
    ~Mapping();
    Mapping(Mapping&& other) noexcept
        : at_(std::exchange(other.at_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(at_, other.at_);
        std::swap(size_, other.size_);
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    [[nodiscard]] void* data() const { return at_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::span<char> bytes() const { return {static_cast<char*>(at_), size_}; }

  private:
    void* at_ = nullptr;
    std::size_t size_ = 0;
};

/// A memfd of `size` bytes, all zero, that can be sealed later.
[[nodiscard]] Result<UniqueFd> memfd(const char* name, std::size_t size);
/// Forbids every further change of the memfd's bytes and size.
[[nodiscard]] Result<> seal(int fd);
/// Forbids every further change of the memfd's size; its bytes stay writable.
[[nodiscard]] Result<> seal_size(int fd);
/// Maps the first `size` bytes shared; `is_writable` false maps read-only.
[[nodiscard]] Result<Mapping> map_shared(int fd, std::size_t size, bool is_writable);

}  // namespace sluice::sys
