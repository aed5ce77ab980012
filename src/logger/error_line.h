// SPDX-License-Identifier: BSD-2-Clause
// ErrorLine: turns an error record into the line of nginx's error log. spdlog's pattern formatter
// does the time stamp; it keeps the broken-down time of the current second.
// Runs in: logger.
#pragma once

#include <memory>
#include <string_view>
#include <sys/types.h>

#include <fmt/format.h>

#include "base/units.h"
#include "log/level.h"

namespace spdlog {
class formatter;
}

namespace sluice::logger {

class ErrorLine {
  public:
    ErrorLine();
    ~ErrorLine();
    ErrorLine(const ErrorLine&) = delete;
    ErrorLine& operator=(const ErrorLine&) = delete;

    /// The line, without its end. Control bytes of `text` leave as \xHH.
    /// Lives: until the next call.
    [[nodiscard]] std::string_view format(log::Level level,
                                          Millis wall,
                                          pid_t pid,
                                          std::string_view text);

  private:
    std::unique_ptr<spdlog::formatter> formatter_;
    fmt::memory_buffer payload_;
    fmt::basic_memory_buffer<char, 250> line_;
};

}  // namespace sluice::logger
