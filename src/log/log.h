// SPDX-License-Identifier: BSD-2-Clause
// log::write: how every room from floor 40 up says what happened. The line goes to this process's
// Journal: before the logger runs that is a descriptor, later the errors lane. Every line is one
// line: control bytes leave as \xHH.
// Runs in: any.
#pragma once

#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "log/destination.h"
#include "log/journal.h"
#include "log/level.h"

namespace sluice::log {

/// Whether the process's own destination takes `level`; ask before costly arguments.
[[nodiscard]] bool is_on(Level level);

/// Whether `to` takes `level`.
[[nodiscard]] bool is_on(const Destination& to, Level level);

void vwrite(Level level, fmt::string_view format, fmt::format_args args);
void vwrite_to(const Destination& to, Level level, fmt::string_view format, fmt::format_args args);

/// Logs one line to the process's own destination (error_log of the main level).
template <class... Args>
void write(Level level, fmt::format_string<Args...> format, const Args&... args) {
    if (is_on(level)) {
        vwrite(level, format, fmt::make_format_args(args...));
    }
}

/// Logs one line to every target of `to` that takes `level`. Before the logger runs it goes where
/// write() goes.
template <class... Args>
void write_to(const Destination& to,
              Level level,
              fmt::format_string<Args...> format,
              const Args&... args) {
    if (is_on(to, level)) {
        vwrite_to(to, level, format, fmt::make_format_args(args...));
    }
}

/// The C library's text for an errno value, such as `Address already in use`.
/// Lives: for ever.
[[nodiscard]] std::string_view error_text(int code);

/// An Error as log lines show it: `bind() failed (98: Address already in use)`. Code 0 gives
/// `bind() failed`.
struct Failure {
    Error error;
    /// Put between operation and "failed", for example `to 0.0.0.0:80`; may be empty.
    std::string_view object = {};
};

/// Bytes that a peer chose: `"`, `\`, control bytes and everything from 0x7f up leave as \xHH.
struct Escaped {
    std::string_view bytes;
};

}  // namespace sluice::log

template <>
struct fmt::formatter<sluice::log::Failure> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }

    fmt::appender format(const sluice::log::Failure& failure, fmt::format_context& context) const;
};

template <>
struct fmt::formatter<sluice::log::Escaped> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }

    fmt::appender format(const sluice::log::Escaped& escaped, fmt::format_context& context) const;
};
