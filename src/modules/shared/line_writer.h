// SPDX-License-Identifier: BSD-2-Clause
// LineWriter: fills the bytes of a log line and remembers when they were too few.
// Runs in: worker.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

namespace sluice::modules {

class LineWriter {
  public:
    explicit LineWriter(std::span<char> room) : room_(room) {}

    /// As much of `text` as there is room for.
    void put(std::string_view text) {
        const std::size_t size = std::min(text.size(), left());
        if (size > 0) {
            std::memcpy(room_.data() + size_, text.data(), size);
        }
        size_ += size;
        is_cut_ = is_cut_ || size < text.size();
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
        room_[size_++] = bracket;
        ++held_;
        return true;
    }

    /// Writes the bracket that open() kept room for, cut line or not.
    void close(char bracket) {
        --held_;
        room_[size_++] = bracket;
    }

    [[nodiscard]] std::size_t left() const { return room_.size() - size_ - held_; }

    [[nodiscard]] std::size_t size() const { return size_; }

    /// Forgets what was written behind `size`.
    void rewind(std::size_t size) { size_ = size; }

    [[nodiscard]] std::string_view text() const { return {room_.data(), size_}; }

    [[nodiscard]] bool is_cut() const { return is_cut_; }

  private:
    std::span<char> room_;
    std::size_t size_ = 0;
    std::size_t held_ = 0;  ///< brackets to be closed
    bool is_cut_ = false;
};

}  // namespace sluice::modules
