// SPDX-License-Identifier: BSD-2-Clause
// The words between the parentheses of `if`: nginx's tests, joined by `and`, `or` and `not`.
// Runs in: any.
#pragma once

#include <optional>
#include <vector>

#include "conf/build.h"
#include "modules/http/rewrite_program.h"

namespace sluice::modules {

/// Alternatives, of which one must hold; each a list of conditions that must all hold.
using Alternatives = std::vector<std::vector<const Condition*>>;

/// Reads the arguments of `if`. Nothing: an error was reported.
[[nodiscard]] std::optional<Alternatives> read_if(conf::Build& build,
                                                  const conf::Directive& block);

}  // namespace sluice::modules
