// SPDX-License-Identifier: BSD-2-Clause
// Tree difference: which directives two configurations differ in. Blocks are matched by what they
// are (a server by its names and addresses, a location by its path), so that one changed line is one
// change wherever it has moved to; order counts only where it has a meaning.
// Runs in: any (the command line).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/tree.h"

namespace sluice::conf {

enum class ChangeKind : std::uint8_t { Added, Removed, Changed, Moved };

struct TreeChange {
    ChangeKind kind = ChangeKind::Changed;
    std::string path;                   ///< the blocks around it: "http > server a.example"
    const Directive* before = nullptr;  ///< null: added
    const Directive* after = nullptr;   ///< null: removed
};

/// In the order of `next`, removed ones where they stood. Lives: views both trees.
[[nodiscard]] std::vector<TreeChange> tree_changes(const Tree& old, const Tree& next);

/// A directive on one line as it would be written; of a block its head and how much is in it.
[[nodiscard]] std::string shown(const Directive& directive);

}  // namespace sluice::conf
