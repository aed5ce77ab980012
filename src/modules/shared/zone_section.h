// SPDX-License-Identifier: BSD-2-Clause
// The status pages' part about shared zones.
// Runs in: worker.
#pragma once

#include "metrics/section.h"

namespace sluice::modules {

extern const metrics::Section kZoneSection;

}  // namespace sluice::modules
