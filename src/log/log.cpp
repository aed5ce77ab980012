// SPDX-License-Identifier: BSD-2-Clause
// Formatting of log lines.
// Runs in: any.
#include "log/log.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "log/escape.h"

namespace sluice::log {

namespace {

/// Makes a line and gives it to `put(std::string_view)`. fmt throws only on a format string that
/// was not checked at compile time, or without memory; a line is not worth the process.
template <class Put>
void with_line(fmt::string_view format, fmt::format_args args, Put&& put) {
    fmt::memory_buffer raw;
    try {
        fmt::vformat_to(fmt::appender(raw), format, args);
    } catch (const std::exception&) {
        raw.clear();
        raw.append(std::string_view("(a log line could not be formatted)"));
    }
    const std::string_view text(raw.data(), raw.size());
    bool is_clean = true;
    for (const char c : text) {
        is_clean = is_clean && !needs_escape(static_cast<unsigned char>(c), EscapeRule::OneLine);
    }
    if (is_clean) {
        put(text);
        return;
    }
    fmt::memory_buffer line;
    escape(text, EscapeRule::OneLine, [&line](std::string_view piece) { line.append(piece); });
    put(std::string_view(line.data(), line.size()));
}

/// For lines before main() has installed a journal, which only tests and early failures write.
void put_without_journal(Level level, std::string_view text) {
    Journal(2).put(level, text);
}

}  // namespace

std::string_view error_text(int code) {
    const char* const text = ::strerrordesc_np(code);
    return text != nullptr ? text : "Unknown error";
}

bool is_on(Level level) {
    const Journal* const journal = Journal::installed();
    return journal != nullptr ? journal->is_on(level) : level <= Level::Notice;
}

bool is_on(const Destination& to, Level level) {
    const Journal* const journal = Journal::installed();
    return journal != nullptr ? journal->takes(to, level) : to.takes(level);
}

void vwrite(Level level, fmt::string_view format, fmt::format_args args) {
    with_line(format, args, [level](std::string_view line) {
        Journal* const journal = Journal::installed();
        if (journal == nullptr) {
            put_without_journal(level, line);
            return;
        }
        journal->put(level, line);
    });
}

void vwrite_to(const Destination& to, Level level, fmt::string_view format, fmt::format_args args) {
    with_line(format, args, [&to, level](std::string_view line) {
        Journal* const journal = Journal::installed();
        if (journal == nullptr) {
            put_without_journal(level, line);
            return;
        }
        journal->put(to, level, line);
    });
}

}  // namespace sluice::log

fmt::appender fmt::formatter<sluice::log::Failure>::format(const sluice::log::Failure& failure,
                                                           fmt::format_context& context) const {
    fmt::appender out = fmt::format_to(context.out(), "{}", failure.error.op);
    if (!failure.object.empty()) {
        out = fmt::format_to(out, " {}", failure.object);
    }
    out = fmt::format_to(out, " failed");
    if (failure.error.code == 0) {
        return out;
    }
    return fmt::format_to(out, " ({}: {})", failure.error.code,
                          sluice::log::error_text(failure.error.code));
}

fmt::appender fmt::formatter<sluice::log::Escaped>::format(const sluice::log::Escaped& escaped,
                                                           fmt::format_context& context) const {
    fmt::appender out = context.out();
    sluice::log::escape(
        escaped.bytes, sluice::log::EscapeRule::Peer,
        [&out](std::string_view piece) { out = std::copy(piece.begin(), piece.end(), out); });
    return out;
}
