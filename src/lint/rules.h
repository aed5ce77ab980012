// SPDX-License-Identifier: BSD-2-Clause
// Rules: the one list of them, in the order of the reference; each group is a file. A new rule is
// one row in its group's file.
// Runs in: any (the command line).
#pragma once

#include <span>

#include "lint/rule.h"

namespace sluice::lint {

struct Group {
    std::string_view title;
    std::span<const Rule> rules;
};

extern const Group kFileRules;      ///< file_rules.cpp: what can be fetched
extern const Group kServerRules;    ///< server_rules.cpp: which server answers
extern const Group kLocationRules;  ///< location_rules.cpp: which location answers
extern const Group kRewriteRules;   ///< rewrite_rules.cpp: if, rewrite, return, try_files
extern const Group kHeaderRules;    ///< header_rules.cpp: headers of answers
extern const Group kAccessRules;    ///< access_rules.cpp: who may, and how often
extern const Group kOriginRules;    ///< origin_rules.cpp: which pages requests come from

/// A comment that allows a rule which does not exist.
extern const Rule kUnknownAllow;

[[nodiscard]] std::span<const Group* const> groups();

}  // namespace sluice::lint
