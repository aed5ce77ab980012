// SPDX-License-Identifier: BSD-2-Clause
// StreamWriter: the thread that writes lines to one descriptor which may block, or which costs more
// than a write: a pipe, FIFO, terminal, socket, or a compressed file. A reader that stands still
// holds up this thread and nobody else.
// Runs in: logger (a thread of it).
#pragma once

#include <cstdint>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/units.h"
#include "logger/gzip_member.h"
#include "logger/writer.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

class StreamWriter final : public Writer {
  public:
    struct Options {
        bool drops_unread = false;    ///< a FIFO: without a reader lines are dropped, not kept
        std::uint8_t gzip_level = 0;  ///< each release becomes part of a gzip member; 0: plain
    };

    /// Starts the thread.
    /// Fails: EMFILE, EAGAIN; `fd` is closed then.
    [[nodiscard]] static Result<std::unique_ptr<Writer>> start(shm::Backlog& backlog,
                                                               sys::UniqueFd fd,
                                                               const Options& options);
    ~StreamWriter() override;

  private:
    enum class State : std::uint8_t { Idle, Writing, BackingOff };

    StreamWriter(shm::Backlog& backlog, sys::UniqueFd fd, const Options& options);

    void run();
    bool collect(State& state);
    State wait(State state);
    State back_off();
    State on_failure(int code);
    State drop_all();
    State write_some();
    State write_piece();
    State end_torn_line();
    State write_compressed();
    void open_member();
    [[nodiscard]] State next_state() const;
    void watch();
    void unwatch();

    // All of it is the thread's own.
    Options options_;
    sys::UniqueFd fd_;
    GzipMember member_;
    Millis retry_at_{};
    bool is_watched_ = false;
    bool is_always_ready_ = false;
    std::thread thread_;
};

}  // namespace sluice::logger
