// SPDX-License-Identifier: BSD-2-Clause
// The rules that modules have at one level, asked for once, when every level has inherited: http
// binds them to locations, stream to servers. Runs in: any (while a configuration is compiled).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "conf/build.h"
#include "conf/level.h"

namespace sluice::conf {

/// Fills `out`, by phase, with the rules of `modules` at `level`, in the modules' order.
/// Lives: as long as the generation.
template <class Phase, class Module, class Rule, std::size_t kPhases>
void bind_rules(Build& build,
                Level& level,
                std::span<const Module* const> modules,
                std::array<std::span<const Rule>, kPhases>& out) {
    for (std::size_t phase = 0; phase < kPhases; ++phase) {
        std::vector<Rule> rules;
        for (const Module* const module : modules) {
            if (module->bind == nullptr) {
                continue;
            }
            const Rule rule = module->bind(static_cast<Phase>(phase), level);
            if (rule.run != nullptr) {
                rules.push_back(rule);
            }
        }
        const auto kept = build.arena().make_span<Rule>(rules.size());
        std::copy_n(rules.begin(), kept.size(), kept.begin());
        out[phase] = kept;
    }
}

}  // namespace sluice::conf
