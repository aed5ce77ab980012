// SPDX-License-Identifier: BSD-2-Clause
// Lint: looks a compiled configuration over for known traps and says what it found; and the
// reference of all rules, docs/lint.md.
// Runs in: any (the command line).
#pragma once

#include <string>
#include <vector>

#include "lint/rule.h"

namespace sluice::lint {

/// Everything found, by file and line. What a comment `# lint: allow ID` on its line, or alone on
/// the lines above, allows is not in it.
[[nodiscard]] std::vector<Finding> examine(const Subject& subject);

/// Several lines: message and place, the line itself with a caret, the fix.
[[nodiscard]] std::string render(const Finding& finding, const conf::Tree& tree);
/// One line: id, file, line, column, message, fix.
[[nodiscard]] std::string render_json(const Finding& finding, const conf::Tree& tree);

/// docs/lint.md.
[[nodiscard]] std::string rules_markdown();

}  // namespace sluice::lint
