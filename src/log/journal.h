// SPDX-License-Identifier: BSD-2-Clause
// Journal: where the log lines of this process go. There is one per process; log::write finds it
// through the one global pointer that the house allows for the log. A journal without lanes prints
// nginx's line format to a descriptor at once; one with lanes leaves records for the logger.
// Runs in: any.
#pragma once

#include <optional>
#include <string_view>
#include <sys/types.h>

#include "log/destination.h"
#include "log/lane_log.h"
#include "log/level.h"

namespace sluice::log {

class Journal {
  public:
    /// Prints lines up to `threshold` to `fd`, which stays the caller's. Reads the pid: make a new
    /// journal, or call refresh_pid(), after a fork.
    explicit Journal(int fd = 2, Level threshold = Level::Notice);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Makes this the process's journal until it is destroyed.
    void install();
    /// The installed journal, or nullptr.
    [[nodiscard]] static Journal* installed();

    /// From now on lines become records in `lanes`; nullptr goes back to the descriptor.
    void use_lanes(LaneLog* lanes) { lanes_ = lanes; }

    /// The lanes in use (access lines are rendered straight into them), or nullptr.
    [[nodiscard]] LaneLog* lanes() const { return lanes_; }

    /// Where lines of log::write go (error_log of the main level); needs lanes.
    void set_main(const Destination& main) { main_ = main; }

    /// From now on every destination takes `level` and graver, whatever it was configured for;
    /// nothing: as configured. Alerts keep their levels. Needs lanes.
    void use_level(std::optional<Level> level) { live_level_ = level; }

    [[nodiscard]] std::optional<Level> live_level() const { return live_level_; }

    /// Whether a line for `to` would go anywhere.
    [[nodiscard]] bool takes(const Destination& to, Level level) const {
        return live_level_ ? (!to.empty() && level <= *live_level_) || to.alerts(level)
                           : to.takes(level);
    }

    /// Prints to another descriptor (the first opened error log) while there are no lanes.
    void use_fd(int fd, Level threshold);
    void refresh_pid();

    /// Whether a line for the process's own destination would go anywhere.
    [[nodiscard]] bool is_on(Level level) const {
        return lanes_ != nullptr ? takes(main_, level) : level <= threshold_;
    }

    [[nodiscard]] const Destination& main() const { return main_; }

    /// Takes one finished line, without its end.
    void put(const Destination& to, Level level, std::string_view text);

    void put(Level level, std::string_view text) { put(main_, level, text); }

  private:
    int fd_;
    Level threshold_;
    pid_t pid_;
    std::optional<Level> live_level_;
    LaneLog* lanes_ = nullptr;
    Destination main_;
};

}  // namespace sluice::log
