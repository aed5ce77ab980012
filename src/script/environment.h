// SPDX-License-Identifier: BSD-2-Clause
// $env_NAME: what the environment holds, for names that `env` in the main block lets through.
// Runs in: any (while a configuration is compiled), worker (value).
#pragma once

#include <span>

#include "conf/build.h"
#include "script/declared.h"
#include "script/variable.h"

namespace sluice::script {

/// The row of the prefix, for tables of variables.
[[nodiscard]] std::span<const VariableRow> environment_variables();

/// Gives those of `declared` that are used and begin with env_ their values, when the block that uses
/// them has been read. False: some were reported, which no `env` allows.
[[nodiscard]] bool give_environment(conf::Build& build, DeclaredVariables& declared);

}  // namespace sluice::script
