// SPDX-License-Identifier: BSD-2-Clause
// LineBuffer: whole lines on their way into a descriptor. It remembers how much of the first line
// was written, so that after a partial write and a change of descriptor the line is written anew
// from its start: no file ever begins with half a line.
// Runs in: logger.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::logger {

class LineBuffer {
  public:
    /// Appends `line` and a line end.
    void add(std::string_view line) {
        bytes_.append(line);
        bytes_.push_back('\n');
    }

    /// Appends whole lines with their ends.
    void add_lines(std::string_view lines) { bytes_.append(lines); }

    /// What is still to be written, mid-line after a partial write.
    [[nodiscard]] std::string_view unwritten() const {
        return std::string_view(bytes_).substr(start_ + partial_);
    }

    /// Takes note that the first `count` bytes of unwritten() were written.
    void wrote(std::size_t count) {
        const std::size_t end = start_ + partial_ + count;
        const std::size_t line_end =
            std::string_view(bytes_).substr(start_, end - start_).rfind('\n');
        start_ += line_end == std::string_view::npos ? 0 : line_end + 1;
        partial_ = end - start_;
        if (start_ == bytes_.size()) {
            bytes_.clear();
            start_ = 0;
        } else if (start_ >= kCompactBytes) {
            bytes_.erase(0, start_);
            start_ = 0;
        }
    }

    /// The descriptor changed: the line that was partly written starts again.
    void restart_line() { partial_ = 0; }

    /// Gives away every line that is not written whole and forgets it.
    [[nodiscard]] std::string take_all() {
        std::string out = bytes_.substr(start_);
        bytes_.clear();
        start_ = partial_ = 0;
        return out;
    }

    /// Bytes of the lines that are not written whole.
    [[nodiscard]] std::size_t size() const { return bytes_.size() - start_; }

    [[nodiscard]] bool empty() const { return size() == 0; }

  private:
    static constexpr std::size_t kCompactBytes = 64 * 1024;

    std::string bytes_;
    std::size_t start_ = 0;    ///< where the first unfinished line starts
    std::size_t partial_ = 0;  ///< bytes of it that were written
};

}  // namespace sluice::logger
