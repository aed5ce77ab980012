// SPDX-License-Identifier: BSD-2-Clause
// Identity: what a new worker makes of itself before it reads any client's byte: limits, CPU,
// priority, working directory and, last, the unprivileged user.
// Runs in: worker.
#pragma once

#include "base/error.h"
#include "ipc/message.h"

namespace sluice::worker {

/// Applies `hello` to this process.
/// Fails: with the call that failed; the process must exit then, it may hold half an identity.
[[nodiscard]] Result<> assume_identity(const ipc::Hello& hello);

}  // namespace sluice::worker
