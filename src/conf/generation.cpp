// SPDX-License-Identifier: BSD-2-Clause
// A generation's birth, comparison and end.
// Runs in: any.
#include "conf/generation.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "conf/compiler.h"
#include "conf/difference.h"

namespace sluice::conf {

Generation::~Generation() {
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
        kept->destroy(kept->object);
    }
    for (const std::unique_ptr<Level>& level : levels_) {
        for (std::size_t i = 0; i < level->modules.size(); ++i) {
            level->modules[i]->kind->destroy(level->confs[i]);
        }
    }
}

const ListenSpec* Generation::find_listen(std::string_view key) const {
    const auto found = listens_by_key_.find(key);
    return found == listens_by_key_.end() ? nullptr : found->second;
}

const ListenSpec* Generation::find_listen(ListenerId id) const {
    const auto found = listens_by_id_.find(id);
    return found == listens_by_id_.end() ? nullptr : found->second;
}

Level* Generation::find_level(Context context, std::size_t index) const {
    for (const std::unique_ptr<Level>& level : levels_) {
        if (level->context == context && index-- == 0) {
            return level.get();
        }
    }
    return nullptr;
}

Compiled compile(Facts& facts, const CompileOptions& options) {
    auto generation = std::make_unique<Generation>();
    Compiler(*generation, facts, options).run();
    Compiled out;
    for (const Diagnostic& diagnostic : generation->diagnostics().all()) {
        auto& list = diagnostic.severity == Severity::Error ? out.errors : out.warnings;
        list.push_back(Diagnostics::render(diagnostic, generation->tree()));
    }
    const bool is_broken = generation->diagnostics().has_errors();
    if (const std::size_t dropped = generation->diagnostics().dropped(); dropped > 0) {
        (is_broken ? out.errors : out.warnings)
            .push_back("and " + std::to_string(dropped) + " more errors and warnings");
    }
    (is_broken ? out.broken : out.generation) = std::move(generation);
    return out;
}

Applies strongest_change(const Generation& old, const Generation& next) {
    Applies strongest = Applies::InPlace;
    for (const Row* const row : changed_rows(old, next)) {
        strongest = std::max(strongest, row->how_applied);
    }
    return strongest;
}

}  // namespace sluice::conf
