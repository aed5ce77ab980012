// SPDX-License-Identifier: BSD-2-Clause
// Writer: the thread that serves one sink whose descriptor may block. StreamWriter writes bytes,
// MessageWriter sends messages.
// Runs in: logger.
#pragma once

#include <cstdint>
#include <string_view>

#include "logger/writer_queue.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class Writer {
  public:
    /// Ends the thread; what is not written is lost.
    /// Blocks: until a write that is under way returns.
    virtual ~Writer() = default;
    Writer() = default;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Queues whole lines, or framed messages; the caller limits how much (see settled()).
    void push(std::string_view bytes) { queue_.push(bytes); }

    /// Goes on with another descriptor, no line lost.
    void reopen(sys::UniqueFd fd) { queue_.reopen(std::move(fd)); }

    [[nodiscard]] std::uint64_t settled() const { return queue_.settled(); }

    [[nodiscard]] std::uint64_t dropped() const { return queue_.dropped(); }

    [[nodiscard]] int error() const { return queue_.error(); }

  protected:
    WriterQueue queue_;
};

}  // namespace sluice::logger
