// SPDX-License-Identifier: BSD-2-Clause
// Writer: the thread that serves one sink whose descriptor may block, out of the sink's backlog.
// StreamWriter writes bytes, MessageWriter sends messages.
// Runs in: logger.
#pragma once

#include <cstdint>
#include <string_view>

#include "logger/writer_queue.h"
#include "shm/backlog.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class Writer {
  public:
    /// Ends the thread; what is not written stays in the backlog.
    /// Blocks: until a write that is under way returns.
    virtual ~Writer() = default;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Writes what the backlog holds up to position `end`: whole lines, or framed messages.
    void release(std::uint64_t end) { queue_.release(end); }

    [[nodiscard]] std::uint64_t released() const { return queue_.released(); }

    /// Goes on with another descriptor, no line lost.
    void reopen(sys::UniqueFd fd) { queue_.reopen(std::move(fd)); }

    [[nodiscard]] std::uint64_t dropped() const { return queue_.dropped(); }

    [[nodiscard]] int error() const { return queue_.error(); }

  protected:
    /// `backlog` outlives the writer; what it holds waits for release().
    explicit Writer(shm::Backlog& backlog) : backlog_(backlog) {
        queue_.release_from(backlog.head() - backlog.size());
    }

    /// What may be written and is not.
    [[nodiscard]] std::string_view released_lines() const {
        return backlog_.lines(queue_.released());
    }

    shm::Backlog& backlog_;  ///< the thread takes away, the logger's loop adds
    WriterQueue queue_;
};

}  // namespace sluice::logger
