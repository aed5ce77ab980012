// SPDX-License-Identifier: BSD-2-Clause
// round_robin: smooth weighted round robin, the method of groups that name no other.
// Runs in: worker.
#pragma once

#include "upstream/balancer.h"
#include "upstream/spec.h"

namespace sluice::upstream {

extern const BalancerKind kRoundRobin;

}  // namespace sluice::upstream
