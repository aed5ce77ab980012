// SPDX-License-Identifier: BSD-2-Clause
// Choosing and printing of log records.
// Runs in: any (the command line).
#include "master/log_filter.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/parse_as.h"
#include "log/access_record.h"
#include "log/error_record.h"
#include "log/escape.h"
#include "log/json_text.h"
#include "log/line_prefix.h"
#include "log/rfc3339.h"
#include "sys/clock.h"

namespace sluice::master {

namespace {

std::string json_text(std::string_view text) {
    std::string out = "\"";
    log::put_json_text(text, [&out](std::string_view piece) { out += piece; });
    return out + "\"";
}

/// A line must not steer the terminal that shows it.
std::string one_line(std::string_view text) {
    std::string out;
    log::escape(text, log::EscapeRule::OneLine, [&out](std::string_view piece) { out += piece; });
    return out;
}

std::string show_access(const shm::PastRecord& record, bool is_json) {
    const auto access = log::decode_access(record.body);
    if (!access) {
        return {};
    }
    if (!is_json) {
        return one_line(access->line);
    }
    return fmt::format(R"({{"time":"{}","kind":"access","status":{},"uri":{},"line":{}}})",
                       log::rfc3339(record.wall), access->meta.status,
                       json_text(access->meta.uri), json_text(access->line));
}

std::string show_error(const shm::PastRecord& record, bool is_json) {
    const auto error = log::decode_error(record.body);
    if (!error) {
        return {};
    }
    const auto level = static_cast<log::Level>(record.level);
    if (is_json) {
        return fmt::format(R"({{"time":"{}","kind":"error","level":"{}","pid":{},"message":{}}})",
                           log::rfc3339(record.wall), log::name_of(level), error->pid,
                           json_text(error->text));
    }
    const int offset = sys::utc_offset_seconds(std::chrono::floor<UnixSeconds>(record.wall));
    return log::line_prefix(record.wall, offset, level, error->pid) + one_line(error->text);
}

}  // namespace

std::expected<LogFilter, std::string> LogFilter::make(const LogWishes& wishes, Millis now) {
    LogFilter out;
    std::string_view rest = wishes.status;
    while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        const auto range = parse_status(rest.substr(0, comma));
        if (!range) {
            return std::unexpected("invalid status \"" + wishes.status +
                                   "\": expected one such as 404 or 5xx, or a list of them");
        }
        out.statuses_.push_back(*range);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    if (!wishes.uri.empty()) {
        auto regex = script::Regex::compile(wishes.uri, false);
        if (!regex) {
            return std::unexpected(regex.error());
        }
        out.uri_ = std::move(*regex);
    }
    if (!wishes.since.empty()) {
        const auto time = conf::parse_time(wishes.since);
        if (!time) {
            return std::unexpected("invalid time \"" + wishes.since +
                                   "\": expected one such as 30s, 5m or 1h");
        }
        out.since_ = now - *time;
    }
    if (!wishes.level.empty()) {
        out.level_ = log::level_named(wishes.level);
        if (!out.level_) {
            return std::unexpected("invalid level \"" + wishes.level +
                                   "\": expected emerg, alert, crit, error, warn, notice, info "
                                   "or debug");
        }
    }
    return out;
}

std::optional<LogFilter::StatusRange> LogFilter::parse_status(std::string_view text) {
    if (text.size() == 3 && is_digit(text[0]) && to_lower(text[1]) == 'x' &&
        to_lower(text[2]) == 'x') {
        const auto first = static_cast<std::uint16_t>((text[0] - '0') * 100);
        return StatusRange{first, static_cast<std::uint16_t>(first + 99)};
    }
    const auto number = parse_decimal(text);
    if (!number || *number > 999) {
        return std::nullopt;
    }
    return StatusRange{static_cast<std::uint16_t>(*number), static_cast<std::uint16_t>(*number)};
}

bool LogFilter::matches(const shm::PastRecord& record) const {
    if (record.wall < since_) {
        return false;
    }
    const bool asks_for_access = !statuses_.empty() || uri_.has_value();
    if (record.type == shm::RecordType::Access) {
        return (asks_for_access || !level_) && matches_access(record.body);
    }
    if (record.type != shm::RecordType::Error || (asks_for_access && !level_)) {
        return false;
    }
    return !level_ || static_cast<log::Level>(record.level) <= *level_;
}

bool LogFilter::matches_access(std::string_view body) const {
    const auto access = log::decode_access(body);
    if (!access) {
        return false;
    }
    const auto has_status = [&](const StatusRange& range) {
        return access->meta.status >= range.first && access->meta.status <= range.last;
    };
    return (statuses_.empty() || std::ranges::any_of(statuses_, has_status)) &&
           (!uri_ || uri_->match(access->meta.uri));
}

std::string show(const shm::PastRecord& record, bool is_json) {
    return record.type == shm::RecordType::Access ? show_access(record, is_json)
                                                  : show_error(record, is_json);
}

}  // namespace sluice::master
