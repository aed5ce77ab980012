// SPDX-License-Identifier: BSD-2-Clause
// Entry of the logger role: called by the master in a freshly forked process.
// Runs in: logger.
#pragma once

namespace sluice::logger {

/// Drains the log lanes of the parent's slots until the master says DrainAndExit or disappears.
/// Owns `channel`; every other descriptor except 0, 1 and 2 must be closed and all signals blocked.
/// Gives the exit code; the caller ends the process with sys::exit_now.
/// Blocks: for the process's life.
[[nodiscard]] int run(int channel);

}  // namespace sluice::logger
