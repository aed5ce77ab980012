// SPDX-License-Identifier: BSD-2-Clause
// LaneLog: a process's own end of the log: its errors lane, its access lane and the logger's
// wake-up. Writing never waits and makes no system call; flush_wakeups() makes at most one.
// Runs in: worker, master.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <sys/types.h>

#include "base/error.h"
#include "base/units.h"
#include "log/access_record.h"
#include "log/level.h"
#include "shm/lane_writer.h"
#include "shm/shared_log.h"

namespace sluice::log {

/// Up to where in the lanes of one process lines are written, or are to be.
struct LogMark {
    std::uint64_t access = 0;
    std::uint64_t errors = 0;
    friend bool operator==(const LogMark&, const LogMark&) = default;
};

class LaneLog {
  public:
    /// Writes the lanes of `slot`; `wakeup` is the logger's eventfd. Both stay the caller's and
    /// outlive this.
    LaneLog(const shm::SharedLog& region, SlotId slot, int wakeup);

    /// Room to render an access line of at most `max` bytes, behind what `meta` says (where that is
    /// more than a record holds, as much as one holds). Empty: the lane is full and the line was
    /// counted as dropped.
    [[nodiscard]] std::span<char> begin_access(const AccessMeta& meta, std::size_t max);
    /// Publishes the first `size` bytes rendered, without a line end.
    void commit_access(SinkId sink, std::size_t size, Millis wall);

    /// The last access line goes to a file that it names.
    void note_path_line() { awaited_.access = access_.head(); }

    /// Where the last line ends that somebody may look for as soon as a connection has ended: an
    /// error line, or one of a file that it names.
    [[nodiscard]] const LogMark& awaited() const { return awaited_; }

    /// Whether the logger has written what lies before `mark`.
    [[nodiscard]] bool is_written(const LogMark& mark) const {
        return access_.has_passed(mark.access) && errors_.has_passed(mark.errors);
    }

    /// Somebody waits: flush_wakeups() wakes the logger out of a nap, too.
    void hurry() { is_hurried_ = has_news_ = true; }

    /// Somebody waited in vain: the logger is stuck until it is seen to move.
    void note_stuck() { stuck_at_ = position(); }

    [[nodiscard]] bool is_stuck() const { return stuck_at_ && *stuck_at_ == position(); }

    /// Counts an access line that had to be shortened.
    void count_cut_access() { access_.count_cut(); }

    /// Publishes a line that was rendered elsewhere; too long a one is cut at an escape boundary.
    void write_access(SinkId sink, std::string_view line, Millis wall);
    /// Publishes an error line of process `pid`.
    void write_error(SinkId sink, Level level, pid_t pid, std::string_view text);

    /// Wakes the logger if it sleeps and something was written since the last call. Once per turn.
    void flush_wakeups();

    [[nodiscard]] std::uint64_t dropped() const { return errors_.dropped() + access_.dropped(); }

  private:
    [[nodiscard]] LogMark position() const {
        return {.access = access_.tail(), .errors = errors_.tail()};
    }

    shm::LaneWriter errors_;
    shm::LaneWriter access_;
    shm::Slot* slot_;
    int wakeup_;
    LogMark awaited_;
    std::optional<LogMark> stuck_at_;
    std::size_t prefix_ = 0;  ///< bytes before the line that is being rendered
    bool has_news_ = false;
    bool is_hurried_ = false;
};

}  // namespace sluice::log
