// SPDX-License-Identifier: BSD-2-Clause
// Variables: finding the row behind a name.
// Runs in: any (while a configuration is compiled; a request never looks a name up).
#include "script/variable.h"

#include "base/ascii.h"
#include "script/declared.h"

namespace sluice::script {

VariableTable::Found VariableTable::find(std::string_view name) const {
    Found best;
    for (const std::span<const VariableRow> list : lists_) {
        for (const VariableRow& row : list) {
            if (!row.is_prefix && equals_ignoring_case(row.name, name)) {
                return {.row = &row, .suffix = {}};
            }
            const bool is_longer = best.row == nullptr || row.name.size() > best.row->name.size();
            if (row.is_prefix && is_longer && name.size() > row.name.size() &&
                equals_ignoring_case(row.name, name.substr(0, row.name.size()))) {
                best = {.row = &row, .suffix = name.substr(row.name.size())};
            }
        }
    }
    if (declared_ != nullptr) {
        const Declared* const own = declared_->find(name);
        return own == nullptr ? best : Found{.row = &own->row, .suffix = {}};
    }
    return best;
}

}  // namespace sluice::script
