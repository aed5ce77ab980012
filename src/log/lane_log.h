// SPDX-License-Identifier: BSD-2-Clause
// LaneLog: a process's own end of the log: its errors lane, its access lane and the logger's
// wake-up. Writing never waits and makes no system call; flush_wakeups() makes at most one.
// Runs in: worker, master.
#pragma once

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
    void note_path_line() { path_mark_ = access_.head(); }

    /// Where the last such line ends; 0: there was none. For is_written().
    [[nodiscard]] std::uint64_t path_mark() const { return path_mark_; }

    /// Whether the logger has written every access line up to `mark`.
    [[nodiscard]] bool is_written(std::uint64_t mark) const { return access_.has_passed(mark); }

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
    shm::LaneWriter errors_;
    shm::LaneWriter access_;
    shm::Slot* slot_;
    int wakeup_;
    std::uint64_t path_mark_ = 0;
    std::size_t prefix_ = 0;  ///< bytes before the line that is being rendered
    bool has_news_ = false;
};

}  // namespace sluice::log
