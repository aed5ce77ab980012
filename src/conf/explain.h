// SPDX-License-Identifier: BSD-2-Clause
// Explain: what the program says about its own directives: --explain NAME and the generated
// reference. Both are made from the rows, so they cannot drift from the code.
// Runs in: any (the command line).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "conf/module.h"
#include "conf/tree.h"

namespace sluice::conf {

/// Text for a person; for an unknown name the nearest known one. `is_known` tells which.
struct Explanation {
    std::string text;
    bool is_known = false;
};

[[nodiscard]] Explanation explain(std::span<const Module* const> modules, std::string_view name);

/// docs/directives.md: every directive by module, the defaults that differ without `compat nginx;`,
/// and nginx's directives that are read without effect.
[[nodiscard]] std::string reference_markdown(std::span<const Module* const> modules);

/// The configuration as read, file by file, in the form of nginx's -T.
[[nodiscard]] std::string dump(const Tree& tree);

}  // namespace sluice::conf
