// SPDX-License-Identifier: BSD-2-Clause
// live: what the registry needs of it beside its modules.
// Runs in: any.
#pragma once

#include "metrics/section.h"
#include "net/service.h"

namespace sluice::modules {

/// live.cpp: gives each generation this worker's hubs, one for each FIFO.
[[nodiscard]] net::ServiceKind live_service_kind();
/// live_section.cpp: viewers, bytes, dropped by FIFO.
extern const metrics::Section kLiveSection;

}  // namespace sluice::modules
