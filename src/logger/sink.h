// SPDX-License-Identifier: BSD-2-Clause
// Sink: one log destination. Lines for plain files are written here; whatever may block, or costs
// more than a write, has a thread (Writer). What cannot be written is kept up to a limit, then
// dropped and counted; writing is tried again by itself.
// Runs in: logger.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "base/error.h"
#include "base/units.h"
#include "ipc/message.h"
#include "log/level.h"
#include "logger/syslog_header.h"
#include "logger/writer.h"
#include "shm/backlog.h"
#include "sys/unique_fd.h"

namespace sluice::logger {

/// What is known of a line beside its text.
struct LineMeta {
    bool is_access = false;
    log::Level level = log::Level::Info;  ///< of error lines
    Millis wall{};
    pid_t pid = 0;  ///< of the process that wrote an error line
};

class Sink {
  public:
    /// Time between two attempts to write to a descriptor that failed.
    static constexpr Millis kRetry{1000};

    /// `store`: where its backlog is, shm::Backlog::create_store(); -1: lines die with the process.
    explicit Sink(std::string path, int store = -1) : path_(std::move(path)), store_(store) {}

    /// Writes to `fd` from now on, as `entry` says; lines that are not written yet go there too.
    /// Fails: EMFILE or no thread; the old descriptor stays in use.
    [[nodiscard]] Result<> open(const ipc::SinkEntry& entry, sys::UniqueFd fd);

    /// Takes a line, without its end. False where it was dropped, and counted.
    bool take(std::string_view line, const LineMeta& meta);
    /// Writes what was taken, or hands it to the thread; a buffer that is not full is held. Never
    /// blocks on a stream.
    void flush(Millis now);

    /// From now on nothing is held: the logger is about to end, or the sink to close.
    void stop_holding() { entry_.buffer = 0; }

    /// Whether everything that was taken is written, or given up.
    [[nodiscard]] bool is_settled() const { return !backlog_.is_open() || backlog_.empty(); }

    /// When somebody must look after what is not settled; nothing where all is, or where it may be
    /// held until more comes.
    [[nodiscard]] std::optional<Millis> care_at(Millis now) const;

    /// Bytes taken since the last flush().
    [[nodiscard]] std::size_t staged() const { return staged_; }

    /// Gives back the memory of the backlog. Requires: settled, and nothing is taken any more.
    void forget_backlog() {
        writer_.reset();
        if (backlog_.is_open()) {
            backlog_.discard();
        }
    }

    /// Drops, and counts, what is not written. Blocks: until a write that is under way returns.
    void give_up();

    /// Lines dropped since the sink exists.
    [[nodiscard]] std::uint64_t dropped() const {
        return dropped_ + (writer_ ? writer_->dropped() : 0);
    }

    /// errno of the last attempt to write, or 0.
    [[nodiscard]] int error() const { return writer_ ? writer_->error() : error_; }

    /// Whether lines leave as messages of limited size.
    [[nodiscard]] bool takes_messages() const {
        return entry_.kind == ipc::SinkKind::Syslog || entry_.kind == ipc::SinkKind::Queue;
    }

    [[nodiscard]] const std::string& path() const { return path_; }

    /// The operation that error() comes from.
    [[nodiscard]] std::string_view operation() const;

  private:
    [[nodiscard]] Result<> open_kind(const ipc::SinkEntry& old, sys::UniqueFd fd);
    [[nodiscard]] Result<> open_descriptor(const ipc::SinkEntry& old, sys::UniqueFd fd);
    [[nodiscard]] Result<> open_syslog();
    [[nodiscard]] Result<> open_queue(sys::UniqueFd fd);
    void end_writer();
    bool take_message(std::string_view line, const LineMeta& meta);
    bool drop_line();
    [[nodiscard]] std::size_t waiting() const;
    [[nodiscard]] bool is_held(Millis now) const;
    void write_out(Millis now);
    [[nodiscard]] bool write_some();

    std::string path_;
    int store_;
    ipc::SinkEntry entry_;
    sys::UniqueFd fd_;
    shm::Backlog backlog_;  ///< outlives the writer
    std::unique_ptr<Writer> writer_;
    std::string frame_;  ///< of the message that is being made
    std::optional<SyslogHeader> syslog_;
    std::size_t staged_ = 0;
    std::uint64_t dropped_ = 0;
    int error_ = 0;
    Millis retry_at_{};
    std::optional<Millis> held_since_;
};

}  // namespace sluice::logger
