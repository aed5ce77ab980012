// SPDX-License-Identifier: BSD-2-Clause
// The registry: the only list of features, in running order. Everything else receives it as a span.
// Runs in: any.
#pragma once

#include <span>

#include "conf/module.h"

namespace sluice::registry {

/// Every module of this program, in the order in which they run.
[[nodiscard]] std::span<const conf::Module* const> modules();

}  // namespace sluice::registry
