// SPDX-License-Identifier: BSD-2-Clause
// Entry of the worker role: called by the master in a freshly forked process.
// Runs in: worker.
#pragma once

namespace sluice::worker {

/// Serves until the master retires or stops this process, or disappears. Owns `channel`; every
/// other descriptor except 0, 1 and 2 must be closed. Gives the exit code.
/// Blocks: for the process's life.
[[nodiscard]] int run(int channel);

}  // namespace sluice::worker
