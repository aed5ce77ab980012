// SPDX-License-Identifier: BSD-2-Clause
// The one pointer to the worker's context.
// Runs in: worker.
#include "modules/shared/worker_context.h"

#include "base/bug.h"

namespace sluice::modules {

namespace {

net::WorkerContext* current = nullptr;

}  // namespace

void use_worker_context(net::WorkerContext& worker) {
    current = &worker;
}

net::WorkerContext& worker_context() {
    BUG_UNLESS(current != nullptr, "a rule ran outside a worker");
    return *current;
}

}  // namespace sluice::modules
