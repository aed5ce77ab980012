// SPDX-License-Identifier: BSD-2-Clause
// LineWriter: fills the bytes of a log line and remembers when they were too few.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace sluice::modules {

class LineWriter {
  public:
    explicit LineWriter(std::span<char> room)
        : begin_(room.data()), at_(begin_), end_(begin_ + room.size()) {}

    /// As much of `text` as there is room for.
    void put(std::string_view text) {
        std::size_t size = text.size();
        if (size > left()) [[unlikely]] {
            size = left();
            is_cut_ = true;
        }
        if (size > 0) {  // memcpy must not be given a null pointer, even for nothing
            std::memcpy(at_, text.data(), size);
        }
        at_ += size;
    }

    /// All of `text`, or nothing of it; nothing at all once something was cut.
    bool put_whole(std::string_view text) {
        is_cut_ = is_cut_ || text.size() > left();
        if (is_cut_) {
            return false;
        }
        put(text);
        return true;
    }

    /// Writes `bracket` and keeps room for the one that closes it.
    bool open(char bracket) {
        is_cut_ = is_cut_ || left() < 2;
        if (is_cut_) {
            return false;
        }
        *at_++ = bracket;
        --end_;
        return true;
    }

    /// Writes the bracket that open() kept room for, cut line or not.
    void close(char bracket) {
        ++end_;
        *at_++ = bracket;
    }

    /// Without what is kept for brackets.
    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

    /// Forgets what was written behind `size`.
    void rewind(std::size_t size) { at_ = begin_ + size; }

    [[nodiscard]] std::string_view text() const { return {begin_, size()}; }

    [[nodiscard]] bool is_cut() const { return is_cut_; }

  private:
    char* begin_;
    char* at_;
    char* end_;  ///< before the brackets to be closed
    bool is_cut_ = false;
};

}  // namespace sluice::modules
