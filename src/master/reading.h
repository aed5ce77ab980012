// SPDX-License-Identifier: BSD-2-Clause
// Reading: the configuration as the server would take it, for commands that look at it without a
// server: what is wrong with it is said as at a start.
// Runs in: any (the command line).
#pragma once

#include <optional>

#include "conf/generation.h"
#include "ipc/message.h"
#include "master/start.h"

namespace sluice::master {

struct Reading {
    conf::GenerationRef generation;
    ipc::Hello identity;  ///< who a worker would be; nothing else of it is filled in
};

/// Reads and compiles; prints warnings unless Start::is_quiet. Nothing: it does not compile, and the
/// errors are printed.
[[nodiscard]] std::optional<Reading> read_for_command(const Start& start);

}  // namespace sluice::master
