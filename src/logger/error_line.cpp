// SPDX-License-Identifier: BSD-2-Clause
// Error log lines, formatted by spdlog.
// Runs in: logger.
#include "logger/error_line.h"

#include <algorithm>
#include <exception>

#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>

#include "log/escape.h"

namespace sluice::logger {

ErrorLine::ErrorLine()
    : formatter_(std::make_unique<spdlog::pattern_formatter>(
          "%Y/%m/%d %H:%M:%S %v", spdlog::pattern_time_type::local, "")) {}

ErrorLine::~ErrorLine() = default;

std::string_view ErrorLine::format(log::Level level,
                                   Millis wall,
                                   pid_t pid,
                                   std::string_view text) {
    payload_.clear();
    line_.clear();
    try {
        fmt::format_to(fmt::appender(payload_), "[{}] {}#0: ", log::name_of(level), pid);
        log::escape(text, log::EscapeRule::OneLine,
                    [this](std::string_view piece) { payload_.append(piece); });
        // The time is a worker's word: keep it within what nanoseconds since 1970 can hold.
        constexpr Millis kLast{9'000'000'000'000};
        const spdlog::log_clock::time_point when(std::clamp(wall, Millis::zero(), kLast));
        const spdlog::details::log_msg message(
            when, spdlog::source_loc{}, spdlog::string_view_t{}, spdlog::level::info,
            spdlog::string_view_t(payload_.data(), payload_.size()));
        formatter_->format(message, line_);
    } catch (const std::exception&) {
        return "(an error log line could not be formatted)";
    }
    return {line_.data(), line_.size()};
}

}  // namespace sluice::logger
