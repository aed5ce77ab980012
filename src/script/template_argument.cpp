// SPDX-License-Identifier: BSD-2-Clause
// From a directive's argument to a Template.
// Runs in: any.
#include "script/template_argument.h"

#include <utility>

#include "script/declared.h"

namespace sluice::script {

bool compile_argument(conf::Build& build,
                      const conf::Argument& argument,
                      const VariableTable& variables,
                      Template& out) {
    auto compiled = Template::compile(argument.text, variables, build.arena());
    if (!compiled) {
        return build.error(argument, std::move(compiled.error()));
    }
    if (variables.declared() != nullptr) {
        variables.declared()->place_wanted(argument);
    }
    out = *compiled;
    return true;
}

}  // namespace sluice::script
