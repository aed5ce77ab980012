// SPDX-License-Identifier: BSD-2-Clause
// health_check, health_check_timeout, match: active checks of upstream servers.
// Runs in: any.
#pragma once

#include "conf/module.h"

namespace sluice::modules {

extern const conf::Module kHealthCheck;

}  // namespace sluice::modules
