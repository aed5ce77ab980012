// SPDX-License-Identifier: BSD-2-Clause
// LogFilter: which records `sluice logs` shows, and how one looks.
// Runs in: any (the command line).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "log/level.h"
#include "script/regex.h"
#include "shm/lane_history.h"

namespace sluice::master {

/// What the command line says.
struct LogWishes {
    std::string status;  ///< "404", "5xx", "404,5xx"; empty: any
    std::string uri;     ///< a regular expression; empty: any
    std::string since;   ///< a time such as "5m"; empty: as far back as there is
    std::string level;   ///< "error": and graver; empty: any
    std::int64_t last = -1;  ///< -n: so many of the latest; -1: all, with `follows` 10
    bool follows = false;
    bool is_json = false;
    std::string queue;  ///< read this POSIX message queue instead; only level, last and follows count
};

class LogFilter {
  public:
    /// Reads the wishes; `now` is the wall clock.
    /// Fails: a sentence about the option that cannot be understood.
    [[nodiscard]] static std::expected<LogFilter, std::string> make(const LogWishes& wishes,
                                                                    Millis now);

    /// Status and target are asked of access records, the level of error records; where only one
    /// kind is asked for, the other is not shown.
    [[nodiscard]] bool matches(const shm::PastRecord& record) const;

  private:
    struct StatusRange {
        std::uint16_t first = 0;
        std::uint16_t last = 0;
    };

    [[nodiscard]] bool matches_access(std::string_view body) const;
    [[nodiscard]] static std::optional<StatusRange> parse_status(std::string_view text);

    std::vector<StatusRange> statuses_;
    std::optional<script::Regex> uri_;
    std::optional<log::Level> level_;
    Millis since_{};
};

/// A record as one line, without its end: an access line as it was logged, an error line as
/// nginx's, or either as an object.
[[nodiscard]] std::string show(const shm::PastRecord& record, bool is_json);

}  // namespace sluice::master
