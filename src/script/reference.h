// SPDX-License-Identifier: BSD-2-Clause
// Reference: what the program says about its own variables, made from their rows.
// Runs in: any (the command line).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "script/variable.h"

namespace sluice::script {

/// The part of docs/directives.md that lists the variables of `where` ("http"), by name.
[[nodiscard]] std::string variables_markdown(std::string_view where,
                                             std::span<const std::span<const VariableRow>> lists);

/// Text for a person about `$name` (with or without `$`); empty: no such variable.
[[nodiscard]] std::string explain_variable(std::string_view where,
                                           std::span<const std::span<const VariableRow>> lists,
                                           std::string_view name);

}  // namespace sluice::script
