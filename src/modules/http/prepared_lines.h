// SPDX-License-Identifier: BSD-2-Clause
// Prepared lines: for rules that change a field of a reply's head which its handler has rendered
// into Reply::prepared_lines.
// Runs in: worker.
#pragma once

#include <string_view>

#include "proto/http/exchange.h"

namespace sluice::modules {

/// The value of the prepared field `name`; data() == nullptr where there is none.
/// Lives: as the lines.
[[nodiscard]] std::string_view prepared_value(const http::Exchange& exchange, std::string_view name);

/// Takes the line of field `name` away. Where the arena is full it stays.
void remove_prepared(http::Exchange& exchange, std::string_view name);

}  // namespace sluice::modules
