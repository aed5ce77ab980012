// SPDX-License-Identifier: BSD-2-Clause
// Computed: a variable of the configuration's whose value a table gives (map, geo, split_clients).
// It is computed at the first use and kept for the subject's life, unless it is volatile; `set` may
// replace it.
// Runs in: any (declare), worker (read).
#pragma once

#include <cstdint>
#include <string_view>

#include "conf/build.h"
#include "conf/tree.h"
#include "script/subject.h"
#include "script/variable.h"

namespace sluice::script {

/// Base of a table's settings. Owner: the generation.
struct Computed {
    Value (*compute)(const Computed& self, const void* subject, Arena& arena) = nullptr;
    const SubjectAccess* access = nullptr;
    std::string_view name;
    std::uint16_t slot = 0;
    bool is_volatile = false;
};

/// Makes `$name` (the argument) a variable that `computed` gives. False: an error was reported.
bool declare_computed(conf::Build& build,
                      const conf::Argument& argument,
                      const VariableTable& variables,
                      Computed& computed);

}  // namespace sluice::script
