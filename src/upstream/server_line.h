// SPDX-License-Identifier: BSD-2-Clause
// One `server` line of an `upstream` block.
// Runs in: any.
#pragma once

#include "conf/build.h"
#include "conf/tree.h"
#include "upstream/spec.h"

namespace sluice::upstream {

/// Reads the line into `out`; false: an error was reported. Names are not looked up yet.
bool parse_server_line(conf::Build& build,
                       const conf::Directive& directive,
                       const GroupSpec& group,
                       ServerSpec& out);

/// Finds the addresses of a server when the configuration is frozen. A name that nobody knows is a
/// warning, and the worker's to find; under `compat nginx` it is an error.
/// Blocks: the master, on the machine's resolver.
bool find_addresses(conf::Build& build, const GroupSpec& group, ServerSpec& server);

}  // namespace sluice::upstream
