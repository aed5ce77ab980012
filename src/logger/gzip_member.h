// SPDX-License-Identifier: BSD-2-Clause
// GzipMember: a batch of lines as one complete gzip member (RFC 1952). Members may follow one another
// in a file, so every batch that was written can be read, whatever happens to the next.
// Runs in: logger (a thread of it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::logger {

class GzipMember {
  public:
    /// Compresses `lines`. Without memory for it the member holds them as they are (stored blocks).
    void make(std::string_view lines, std::uint8_t level);

    [[nodiscard]] bool is_open() const { return source_bytes_ != 0; }

    /// Bytes of the lines that are inside.
    [[nodiscard]] std::size_t source_bytes() const { return source_bytes_; }

    [[nodiscard]] std::string_view unwritten() const {
        return std::string_view(bytes_).substr(written_);
    }

    /// True when the whole member is written; it is closed then.
    [[nodiscard]] bool wrote(std::size_t count);
    /// The descriptor changed: the lines become a member of the new file.
    void forget();

  private:
    std::string bytes_;
    std::size_t written_ = 0;
    std::size_t source_bytes_ = 0;
};

}  // namespace sluice::logger
