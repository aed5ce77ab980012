// SPDX-License-Identifier: BSD-2-Clause
// Dialect: which variables the directives of a block may use. `http` and `stream` each have their own
// rows and declarations; a feature that both have asks for those of the block that is being read.
// Runs in: any (while a configuration is compiled).
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "conf/build.h"
#include "conf/level.h"
#include "conf/tree.h"
#include "script/environment.h"
#include "script/pattern.h"
#include "script/variable.h"

namespace sluice::script {

/// What a protocol's block (`http`, `stream`) puts into its conf::Level, and all levels below have.
struct Dialect {
    /// The variables of templates at build.level().
    VariableTable (*variables)(conf::Build& build) = nullptr;
};

/// The variables that templates of the block that is being read may use; none outside of such blocks.
[[nodiscard]] VariableTable variables_of(conf::Build& build);
/// The same of `level`, one of its blocks.
[[nodiscard]] VariableTable variables_of(conf::Build& build, const conf::Level& level);

/// At the end of a block: gives $env_NAME their values and reports what is used and nothing declares.
/// False: errors were reported.
bool settle_variables(conf::Build& build, DeclaredVariables& declared);

/// The variables of a protocol: its own, those of connections, $env_NAME, its modules' and those that
/// the configuration declares. Empty: the arena is full.
template <class Module>
[[nodiscard]] VariableTable variable_table(conf::Build& build,
                                           std::span<const VariableRow> own,
                                           std::span<const VariableRow> of_connections,
                                           std::span<const Module* const> modules,
                                           DeclaredVariables* declared) {
    const auto lists = build.arena().make_span<std::span<const VariableRow>>(modules.size() + 3);
    if (lists.empty()) {
        return {};
    }
    lists[0] = own;
    lists[1] = of_connections;
    lists[2] = environment_variables();
    for (std::size_t i = 0; i < modules.size(); ++i) {
        lists[i + 3] = modules[i]->variables;
    }
    return VariableTable(lists, declared);
}

/// Calls `complete` of a protocol's modules when its block has been read. What they add then is as if
/// it were written in the block: the same variables are known.
template <class Module>
void complete_block(conf::Build& build,
                    conf::Level& block,
                    std::span<const Module* const> modules) {
    const void* const outer = std::exchange(build.level().dialect, block.dialect);
    for (const Module* const module : modules) {
        if (module->complete != nullptr) {
            module->complete(build, block);
        }
    }
    build.level().dialect = outer;
}

/// Compiles a pattern that lives as long as the generation, and declares its named groups as
/// variables of the block that is being read; null: an error was reported.
[[nodiscard]] const Pattern* compile_pattern(conf::Build& build,
                                             const conf::Argument& at,
                                             std::string_view text,
                                             bool is_caseless);

}  // namespace sluice::script
