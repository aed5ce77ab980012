// SPDX-License-Identifier: BSD-2-Clause
// Text for status pages, which must be UTF-8 whatever bytes a configuration holds.
// Runs in: any.
#pragma once

#include <string>
#include <string_view>

namespace sluice::metrics {

/// The bytes of the well-formed UTF-8 character that `text` begins with; 0 where it begins with none.
[[nodiscard]] std::size_t utf8_size(std::string_view text);

/// Appends `text` as the inside of a JSON string; what is no UTF-8 becomes U+FFFD.
void append_json(std::string& out, std::string_view text);
/// Appends `text` as the inside of a Prometheus label value.
void append_label(std::string& out, std::string_view text);

}  // namespace sluice::metrics
