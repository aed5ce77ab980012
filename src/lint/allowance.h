// SPDX-License-Identifier: BSD-2-Clause
// Allowance: comments that silence a rule where they stand: `# lint: allow ID, ID`.
// Runs in: any (the command line).
#pragma once

#include <string_view>
#include <vector>

#include "conf/tree.h"

namespace sluice::lint {

struct Allowance {
    conf::Position at{};
    std::vector<std::string_view> ids;
    bool is_alone = false;  ///< nothing but the comment is on its line
};

/// Those of all files, in their order. Lives: views the tree.
[[nodiscard]] std::vector<Allowance> allowances(const conf::Tree& tree);

/// Whether one of them covers the place: on its line, or alone on the lines directly above.
[[nodiscard]] bool is_allowed(const std::vector<Allowance>& all,
                              std::string_view id,
                              conf::Position at);

}  // namespace sluice::lint
