// SPDX-License-Identifier: BSD-2-Clause
// pcre_jit: whether patterns of the configuration become machine code. Off unless asked for: it needs
// memory that is written and then executed, which sandboxes forbid.
// Runs in: any (while a configuration is compiled).
#pragma once

#include "conf/build.h"
#include "conf/module.h"
#include "script/regex.h"

namespace sluice::script {

/// The directive's row.
extern const conf::Module kPcreJitModule;

/// Translates `regex` where the configuration asks for it. Where that fails patterns are interpreted,
/// of which the configuration's reader is warned once.
void apply_pcre_jit(conf::Build& build, Regex& regex);

}  // namespace sluice::script
