// SPDX-License-Identifier: BSD-2-Clause
// UniqueFd: owns one file descriptor and closes it. Every descriptor in the house has one owner.
// Runs in: any.
#pragma once

#include <utility>

namespace sluice::sys {

/// Closes `fd`; EINTR counts as closed (Linux has released the descriptor by then).
void close_fd(int fd) noexcept;

class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    ~UniqueFd() { reset(); }
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(std::exchange(other.fd_, -1));
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool is_open() const { return fd_ >= 0; }
    [[nodiscard]] explicit operator bool() const { return is_open(); }
    /// Gives the descriptor away without closing it.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept {
        const int old = std::exchange(fd_, fd);
        if (old >= 0) {
            close_fd(old);
        }
    }

  private:
    int fd_ = -1;
};

}  // namespace sluice::sys
