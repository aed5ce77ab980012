// SPDX-License-Identifier: BSD-2-Clause
// The variables of stream itself.
// Runs in: any (listed), worker (read).
#pragma once

#include <span>

#include "script/variable.h"

namespace sluice::stream {

[[nodiscard]] std::span<const script::VariableRow> core_variables();
/// Those that http's exchanges have too (script::ConnectionVariables).
[[nodiscard]] std::span<const script::VariableRow> connection_variables();

}  // namespace sluice::stream
