// SPDX-License-Identifier: BSD-2-Clause
// ErrorRecord: the body of a record in the errors lane: the writer's pid, then the text. The pid is
// in the record because a slot may have a new owner by the time its old lines are drained.
// Runs in: any.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <sys/types.h>

namespace sluice::log {

inline constexpr std::size_t kErrorPrefixBytes = sizeof(std::int32_t);

struct ErrorRecord {
    pid_t pid = 0;
    std::string_view text;
};

/// Fills `body`, which has kErrorPrefixBytes + text.size() bytes.
inline void encode(const ErrorRecord& record, std::span<char> body) {
    const std::int32_t pid = record.pid;
    std::memcpy(body.data(), &pid, sizeof pid);
    std::memcpy(body.data() + sizeof pid, record.text.data(), record.text.size());
}

/// Nothing where the body is too short to be one.
[[nodiscard]] inline std::optional<ErrorRecord> decode_error(std::string_view body) {
    if (body.size() < kErrorPrefixBytes) {
        return std::nullopt;
    }
    std::int32_t pid = 0;
    std::memcpy(&pid, body.data(), sizeof pid);
    return ErrorRecord{.pid = pid, .text = body.substr(sizeof pid)};
}

}  // namespace sluice::log
