// SPDX-License-Identifier: BSD-2-Clause
// Compiler: tree to generation: dispatches each directive to its row, inherits, freezes.
// Runs in: any.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "conf/build.h"
#include "conf/generation.h"

namespace sluice::conf {

class Compiler {
  public:
    Compiler(Generation& generation, Facts& facts, const CompileOptions& options);

    /// Fills the generation. Errors are in its diagnostics.
    void run();

    /// Reads a block's directives into the level that is current.
    static bool read(Build& build, std::span<const Directive> directives);

  private:
    void find_compat();
    void open_main();
    void inherit_all();
    void inherit(Level& level);
    void set_default(Level& level, const Row& row, void* settings);

    Generation& generation_;
    Facts& facts_;
    const CompileOptions& options_;
    Build build_;
};

}  // namespace sluice::conf
