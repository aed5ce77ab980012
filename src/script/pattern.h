// SPDX-License-Identifier: BSD-2-Clause
// Pattern: a regular expression of the configuration with the variables that its named groups fill.
// Runs in: any (compile), worker (match).
#pragma once

#include <span>

#include "script/declared.h"
#include "script/regex.h"

namespace sluice::script {

/// Owner: the generation.
struct Pattern {
    Regex regex;
    std::span<const GroupSlot> groups;
};

}  // namespace sluice::script
