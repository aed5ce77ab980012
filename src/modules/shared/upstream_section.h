// SPDX-License-Identifier: BSD-2-Clause
// The status pages' part about upstreams: each group's servers, their state and figures.
// Runs in: worker.
#pragma once

#include "metrics/section.h"

namespace sluice::modules {

extern const metrics::Section kUpstreamSection;

}  // namespace sluice::modules
