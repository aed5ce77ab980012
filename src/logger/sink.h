// SPDX-License-Identifier: BSD-2-Clause
// Sink: one log destination. Lines for plain files are written here; a descriptor that may block
// has a StreamWriter of its own. What cannot be written is kept up to a limit, then dropped and
// counted; writing is tried again by itself.
// Runs in: logger.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "ipc/message.h"
#include "logger/line_buffer.h"
#include "logger/stream_writer.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class Sink {
  public:
    /// Unwritten bytes that one sink keeps.
    static constexpr std::size_t kBacklogBytes = 1024 * 1024;
    /// Time between two attempts to write to a descriptor that failed.
    static constexpr Millis kRetry{1000};

    explicit Sink(std::string path) : path_(std::move(path)) {}

    /// Writes to `fd` from now on; lines that are not written yet go there too.
    /// Fails: EMFILE or no thread; the old descriptor stays in use.
    [[nodiscard]] Result<> open(sys::UniqueFd fd, ipc::SinkKind kind);

    /// Takes a line, without its end. False where it was dropped, and counted.
    bool take(std::string_view line);
    /// Writes what was taken, or hands it to the thread. Never blocks on a stream.
    void flush(Millis now);

    /// Everything taken so far; it is safe once settled() has reached it.
    [[nodiscard]] std::uint64_t taken() const { return taken_; }

    [[nodiscard]] std::uint64_t settled() const;

    [[nodiscard]] bool is_settled() const { return settled() == taken_; }

    /// Bytes taken since the last flush().
    [[nodiscard]] std::size_t staged() const { return lines_.size(); }

    /// Lines dropped since the sink exists.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

    /// errno of the last attempt to write, or 0.
    [[nodiscard]] int error() const { return stream_ ? stream_->error() : error_; }

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    void write_out(Millis now);

    std::string path_;
    sys::UniqueFd fd_;
    std::unique_ptr<StreamWriter> stream_;
    LineBuffer lines_;
    bool discards_ = false;
    std::uint64_t taken_ = 0;
    std::uint64_t handed_ = 0;  ///< bytes settled before, or outside, the present stream
    std::uint64_t dropped_ = 0;
    int error_ = 0;
    Millis retry_at_{};
};

}  // namespace sluice::logger
