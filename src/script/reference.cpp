// SPDX-License-Identifier: BSD-2-Clause
// Texts made from the rows of variables.
// Runs in: any (the command line).
#include "script/reference.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace sluice::script {

namespace {

/// As it is written: a prefix stands for many.
std::string spelled(const VariableRow& row) {
    return fmt::format("${}{}", row.name, row.is_prefix ? "NAME" : "");
}

}  // namespace

std::string variables_markdown(std::string_view where,
                               std::span<const std::span<const VariableRow>> lists) {
    std::vector<const VariableRow*> rows;
    for (const std::span<const VariableRow> list : lists) {
        for (const VariableRow& row : list) {
            rows.push_back(&row);
        }
    }
    std::ranges::sort(rows, {}, &VariableRow::name);
    std::string out =
        fmt::format("\n## Variables of {}\n\n| variable | value |\n|---|---|\n", where);
    for (const VariableRow* const row : rows) {
        out += fmt::format("| `{}` | {}{} |\n", spelled(*row), row->sentence,
                           row->set != nullptr ? " `set` may change it." : "");
    }
    return out;
}

std::string explain_variable(std::string_view where,
                             std::span<const std::span<const VariableRow>> lists,
                             std::string_view name) {
    name.remove_prefix(name.starts_with('$') ? 1 : 0);
    const VariableRow* const row = VariableTable(lists).find(name).row;
    return row == nullptr
               ? std::string()
               : fmt::format("{} — {}\n  of:       {}\n", spelled(*row), row->sentence, where);
}

}  // namespace sluice::script
