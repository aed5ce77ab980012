// SPDX-License-Identifier: BSD-2-Clause
// Making the directories that workers write to (`client_body_temp_path` and its kin): workers run
// unprivileged and could not.
// Runs in: master, the command line.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "conf/generation.h"

namespace sluice::master {

/// Makes what `next` names and is missing, and lets the workers' user write there.
/// Fails: a text for each that a directive named and that cannot be had.
[[nodiscard]] std::expected<void, std::vector<std::string>> make_directories(
    const conf::Generation& next);

}  // namespace sluice::master
