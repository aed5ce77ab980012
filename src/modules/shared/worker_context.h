// SPDX-License-Identifier: BSD-2-Clause
// The worker that this process is, for rules that need its loop or its slot: rules get an exchange
// and their settings only.
// Runs in: worker.
#pragma once

#include "net/protocol.h"

namespace sluice::modules {

/// For Module::start_worker of whoever calls worker_context().
void use_worker_context(net::WorkerContext& worker);
/// Lives: as long as the process serves.
[[nodiscard]] net::WorkerContext& worker_context();

}  // namespace sluice::modules
