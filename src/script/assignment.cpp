// SPDX-License-Identifier: BSD-2-Clause
// set.
// Runs in: any (read), worker (assign).
#include "script/assignment.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"
#include "script/declared.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::script {

namespace {

bool is_name(std::string_view text) {
    const auto may_stand = [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; };
    return !text.empty() && !is_digit(text.front()) && std::ranges::all_of(text, may_stand);
}

}  // namespace

bool read_assignment(conf::Build& build, const conf::Directive& directive, Assignment& out) {
    const conf::Argument& target = directive.args[0];
    if (!target.text.starts_with('$') || !is_name(target.text.substr(1))) {
        return build.error(target, fmt::format("invalid variable name \"{}\"", target.text),
                           "$ and a name of letters, digits and underscores");
    }
    const std::string_view name = target.text.substr(1);
    const VariableTable table = variables_of(build);
    const VariableTable::Found known = table.find(name);
    // A row with get_bound is one that the configuration made itself.
    if (known.row != nullptr && !known.row->is_prefix && known.row->get_bound == nullptr) {
        if (known.row->set == nullptr) {
            return build.error(target, fmt::format("the duplicate \"{}\" variable", name),
                               "a name that the server does not use itself");
        }
        out.set = known.row->set;
    } else {
        Declared* const declared = table.declared()->declare(name);
        if (declared == nullptr) {
            return build.error(target, "too many variables");
        }
        declared->warns = true;
        out.slot = declared->slot;
        out.access = &table.declared()->access();
    }
    return compile_argument(build, directive.args[1], table, out.value);
}

bool assign(const Assignment& assignment, void* subject, std::string_view text) {
    if (assignment.set != nullptr) {
        assignment.set(subject, text);
        return true;
    }
    // No address means "never set".
    return assignment.access->keep(subject, assignment.slot,
                                   text.data() == nullptr ? std::string_view("") : text);
}

}  // namespace sluice::script
