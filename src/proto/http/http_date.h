// SPDX-License-Identifier: BSD-2-Clause
// HTTP dates (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". Written by arithmetic, because
// strftime obeys the locale; read in all three forms that a recipient must accept.
// Runs in: any.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/units.h"

namespace sluice::http {

inline constexpr std::size_t kHttpDateSize = 29;

/// Writes `when` as an IMF-fixdate. Years outside 0..9999 are written as the nearest of them.
void format_http_date(UnixSeconds when, std::span<char, kHttpDateSize> out);

/// Reads an IMF-fixdate, an RFC 850 or an asctime date; nothing where it is none of them.
[[nodiscard]] std::optional<UnixSeconds> parse_http_date(std::string_view text);

}  // namespace sluice::http
