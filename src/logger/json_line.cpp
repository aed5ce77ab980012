// SPDX-License-Identifier: BSD-2-Clause
// Error lines as JSON.
// Runs in: logger.
#include "logger/json_line.h"

#include <algorithm>
#include <charconv>

#include "log/error_fields.h"
#include "log/json_text.h"
#include "log/log.h"
#include "log/rfc3339.h"

namespace sluice::logger {

namespace {

/// Bytes of a value, escapes included, in a short object; together with the keys less than 2048.
constexpr std::size_t kShortMessage = 640;
constexpr std::size_t kShortRequest = 400;
constexpr std::size_t kShortName = 120;
constexpr std::size_t kNoLimit = std::string::npos;

}  // namespace

std::string_view JsonLine::format(const ErrorEvent& event, bool is_short) {
    const log::ErrorFields fields = log::error_fields(event.text);
    const auto limit = [is_short](std::size_t size) { return is_short ? size : kNoLimit; };
    out_.assign(1, '{');
    add_text("time", log::rfc3339(event.wall), kNoLimit);
    add_text("level", log::name_of(event.level), kNoLimit);
    add_text("process", event.process, kNoLimit);
    add_number("pid", static_cast<std::uint64_t>(std::max<pid_t>(event.pid, 0)));
    if (event.slot) {
        add_number("slot", event.slot->value);
    }
    if (fields.connection) {
        add_number("connection", *fields.connection);
    }
    add_key("message");
    out_ += '"';
    add_piece(fields.message, limit(kShortMessage));
    out_ += '"';
    if (fields.error != 0) {
        add_number("errno", static_cast<std::uint64_t>(fields.error));
        add_text("error", log::error_text(fields.error), kNoLimit);
    }
    add_text("client", fields.client, limit(kShortName));
    add_text("server", fields.server, limit(kShortName));
    add_decoded("request", fields.request, limit(kShortRequest));
    add_decoded("subrequest", fields.subrequest, limit(kShortName));
    add_decoded("upstream", fields.upstream, limit(kShortName));
    add_decoded("host", fields.host, limit(kShortName));
    add_decoded("referrer", fields.referrer, limit(kShortName));
    out_ += '}';
    return out_;
}

void JsonLine::add_key(std::string_view key) {
    if (out_.size() > 1) {
        out_ += ',';
    }
    out_ += '"';
    out_ += key;
    out_ += "\":";
}

void JsonLine::add_number(std::string_view key, std::uint64_t value) {
    add_key(key);
    char digits[20];
    const auto [end, code] = std::to_chars(digits, digits + sizeof digits, value);
    static_cast<void>(code);
    out_.append(digits, end);
}

/// Nothing where `text` is empty.
void JsonLine::add_text(std::string_view key, std::string_view text, std::size_t limit) {
    if (text.empty()) {
        return;
    }
    add_key(key);
    out_ += '"';
    add_piece(text, limit);
    out_ += '"';
}

/// A text that a peer chose, as the bytes that it sent.
void JsonLine::add_decoded(std::string_view key, std::string_view text, std::size_t limit) {
    decoded_.clear();
    while (!text.empty()) {
        const std::optional<char> byte = log::escaped_byte(text);
        decoded_ += byte.value_or(text.front());
        text.remove_prefix(byte ? 4 : 1);
    }
    add_text(key, decoded_, limit);
}

/// At most `limit` bytes; cut between characters.
void JsonLine::add_piece(std::string_view text, std::size_t limit) {
    std::size_t left = limit;
    log::put_json_text(text, [&](std::string_view piece) {
        if (piece.size() <= left) {
            out_ += piece;
            left -= limit == kNoLimit ? 0 : piece.size();
            return;
        }
        // A run of plain characters may be cut anywhere, an escape or a sequence not at all.
        const bool is_run = piece.front() != '\\' && static_cast<unsigned char>(piece.front()) < 0x80;
        out_ += is_run ? piece.substr(0, left) : std::string_view();
        left = 0;
    });
}

}  // namespace sluice::logger
