// SPDX-License-Identifier: BSD-2-Clause
// Expires: what `expires` asks for, and the two header values that say it.
// Runs in: any (parse), worker (format).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/units.h"

namespace sluice::modules {

struct Expires {
    enum class Kind : std::uint8_t {
        Off,
        Epoch,     ///< already past
        Max,       ///< as far as the format goes
        Access,    ///< so long after the request
        Modified,  ///< so long after the file's change
        Daily,     ///< at a time of day, in local time
    };

    Kind kind = Kind::Off;
    UnixSeconds after{};
    friend bool operator==(const Expires&, const Expires&) = default;
};

/// Reads `off`, `epoch`, `max`, a time with an optional sign, or `@` and a time of day; `is_modified` for the form
/// `expires modified TIME`. Nothing for other text.
[[nodiscard]] std::optional<Expires> parse_expires(std::string_view text, bool is_modified);

struct ExpiresFields {
    std::string_view expires;        ///< views `room` or for ever
    std::string_view cache_control;  ///< the same
};

inline constexpr std::size_t kExpiresRoom = 29 + 32;

/// The fields for a reply made at `now`; `modified` below 0: not known.
[[nodiscard]] ExpiresFields format_expires(const Expires& expires,
                                           UnixSeconds now,
                                           UnixSeconds modified,
                                           std::span<char, kExpiresRoom> room);

}  // namespace sluice::modules
