// SPDX-License-Identifier: BSD-2-Clause
// From a directive's argument to a Template, with the error reported under the argument.
// Runs in: any.
#pragma once

#include "conf/build.h"
#include "conf/tree.h"
#include "script/template.h"

namespace sluice::script {

/// Compiles `argument` into `out`; false: an error was reported.
bool compile_argument(conf::Build& build,
                      const conf::Argument& argument,
                      const VariableTable& variables,
                      Template& out);

}  // namespace sluice::script
