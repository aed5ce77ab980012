// SPDX-License-Identifier: BSD-2-Clause
// Dialects.
// Runs in: any.
#include "script/dialect.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "conf/generation.h"
#include "script/environment.h"
#include "script/pcre_jit.h"
#include "script/regex.h"

namespace sluice::script {

VariableTable variables_of(conf::Build& build) {
    return variables_of(build, build.level());
}

VariableTable variables_of(conf::Build& build, const conf::Level& level) {
    const auto* const dialect = static_cast<const Dialect*>(level.dialect);
    return dialect == nullptr ? VariableTable{} : dialect->variables(build);
}

bool settle_variables(conf::Build& build, DeclaredVariables& declared) {
    const bool is_good = give_environment(build, declared);
    const std::vector<const Declared*> unknown = declared.unknown();
    for (const Declared* const variable : unknown) {
        build.diagnostics().add(
            {.at = variable->used_at,
             .message = fmt::format("unknown \"{}\" variable", variable->row.name),
             .width = std::max<std::size_t>(1, variable->width)});
    }
    return unknown.empty() && is_good;
}

const Pattern* compile_pattern(conf::Build& build,
                               const conf::Argument& at,
                               std::string_view text,
                               bool is_caseless) {
    auto compiled = Regex::compile(text, is_caseless);
    if (!compiled) {
        build.error(at, std::move(compiled.error()));
        return nullptr;
    }
    apply_pcre_jit(build, *compiled);
    auto pattern = std::make_unique<Pattern>(std::move(*compiled));
    if (!pattern->regex.named_groups().empty()) {
        const VariableTable known = variables_of(build);
        auto groups = known.declared()->declare_groups(pattern->regex, known);
        if (!groups) {
            build.error(at, std::move(groups.error()));
            return nullptr;
        }
        pattern->groups = *groups;
    }
    return &build.generation().keep(std::move(pattern));
}

}  // namespace sluice::script
