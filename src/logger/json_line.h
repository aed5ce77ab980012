// SPDX-License-Identifier: BSD-2-Clause
// JsonLine: an error record as one JSON object, for `error_log … format=json`. Numbers are numbers,
// what the line says of its request has fields of its own, and any byte comes out as valid JSON.
// Runs in: logger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "base/units.h"
#include "log/level.h"

namespace sluice::logger {

/// An error record and whose it is.
struct ErrorEvent {
    log::Level level = log::Level::Error;
    Millis wall{};
    pid_t pid = 0;
    std::string_view process;    ///< master, worker or logger
    std::optional<SlotId> slot;  ///< of its lanes; the logger has none
    std::string_view text;
};

class JsonLine {
  public:
    /// The object, without a line end. `is_short` keeps it within 2048 bytes by cutting long texts,
    /// for destinations that would cut it otherwise.
    /// Lives: until the next call.
    [[nodiscard]] std::string_view format(const ErrorEvent& event, bool is_short);

  private:
    void add_key(std::string_view key);
    void add_number(std::string_view key, std::uint64_t value);
    void add_text(std::string_view key, std::string_view text, std::size_t limit);
    void add_decoded(std::string_view key, std::string_view text, std::size_t limit);
    void add_piece(std::string_view text, std::size_t limit);

    std::string out_;
    std::string decoded_;
};

}  // namespace sluice::logger
