// SPDX-License-Identifier: BSD-2-Clause
// Bundle reader: from the master's sealed memfd to a generation of our own.
// Runs in: worker.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "base/units.h"
#include "conf/generation.h"

namespace sluice::worker {

/// Compiles the bundle in `memfd`, which must be of generation `number`.
/// Fails: one line that says why.
[[nodiscard]] std::expected<std::unique_ptr<conf::Generation>, std::string> compile_bundle(
    int memfd, GenerationNumber number);

}  // namespace sluice::worker
