// SPDX-License-Identifier: BSD-2-Clause
// Level: one block that inherits (main, events, http, server, location …) with the settings of
// every module at that place. Runs in: any.
#pragma once

#include <span>
#include <vector>

#include "base/bug.h"
#include "conf/context.h"
#include "conf/module.h"
#include "conf/tree.h"

namespace sluice::conf {

/// Owner: the generation. Lives: as long as it.
struct Level {
    Context context = kMain;
    Level* parent = nullptr;
    const Directive* block = nullptr;  ///< the directive that opened it; null for main
    std::span<const Module* const> modules;
    std::span<void*> confs;        ///< same order as modules
    /// What the directives here and below may say of variables (script::Dialect, of a higher floor);
    /// null outside of `http` and `stream`.
    const void* dialect = nullptr;
    std::vector<const Row*> seen;  ///< rows that stood here and may do so only once

    /// The settings of type T here. A module that is not registered is a bug.
    template <class T>
    [[nodiscard]] T& conf() const {
        for (std::size_t i = 0; i < modules.size(); ++i) {
            if (modules[i]->kind->tag == &detail::kTypeTag<T>) {
                return *static_cast<T*>(confs[i]);
            }
        }
        die_of_bug(__FILE__, __LINE__, "settings of a module that is not registered");
    }
};

}  // namespace sluice::conf
