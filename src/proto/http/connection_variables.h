// SPDX-License-Identifier: BSD-2-Clause
// The variables of a request's connection: addresses, numbers, what TCP knows.
// Runs in: any (names), worker (values).
#pragma once

#include <span>

#include "script/variable.h"

namespace sluice::http {

/// The rows; their subject is an http::Exchange.
[[nodiscard]] std::span<const script::VariableRow> connection_variables();

}  // namespace sluice::http
