// SPDX-License-Identifier: BSD-2-Clause
// The directive error_log: where a level's error lines go and from which level on.
// Runs in: any.
#pragma once

#include "conf/generation.h"
#include "conf/module.h"
#include "conf/row.h"
#include "log/destination.h"

namespace sluice::log {

/// Settings of error_log at one level. A level that has its own replaces the outer ones.
struct ErrorLogConf {
    conf::Setting<Destination> destination;
};

/// The feature, for the registry.
extern const conf::Module kErrorLogModule;

/// error_log of the main level: where lines about no server in particular go.
[[nodiscard]] const Destination& main_destination(const conf::Generation& generation);

}  // namespace sluice::log
