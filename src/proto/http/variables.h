// SPDX-License-Identifier: BSD-2-Clause
// The variables of HTTP itself: $uri, $host, $status and their like.
// Runs in: any (names), worker (values).
#pragma once

#include <span>

#include "script/variable.h"

namespace sluice::http {

/// The rows; their subject is an http::Exchange.
[[nodiscard]] std::span<const script::VariableRow> core_variables();
/// Those that stream's sessions have too (script::ConnectionVariables).
[[nodiscard]] std::span<const script::VariableRow> connection_variables();

}  // namespace sluice::http
