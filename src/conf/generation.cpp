// SPDX-License-Identifier: BSD-2-Clause
// A generation's birth, comparison and end.
// Runs in: any.
#include "conf/generation.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "conf/compiler.h"

namespace sluice::conf {

namespace {

void append(std::string& out, const Directive& directive) {
    for (const Argument& argument : directive.args) {
        out += '\1';
        out += argument.text;
    }
    out += '\2';
}

/// What is written of the directives of main and events, by name.
using Written = std::map<std::string_view, std::string>;

Written written_in(const Generation& generation) {
    Written out;
    for (const Directive& directive : generation.tree().directives) {
        append(out[directive.name], directive);
        if (directive.name == "events") {
            for (const Directive& child : directive.children) {
                append(out[child.name], child);
            }
        }
    }
    return out;
}

/// The row's effective text: as written, or its default, in the form that append() gives.
std::string effective_text(const Row& row, const Written& written, bool is_compat) {
    const auto found = written.find(row.name);
    if (found != written.end()) {
        return found->second;
    }
    const bool is_better = row.has_better && !is_compat;
    std::string text(is_better ? row.better_text : row.default_text);
    std::replace(text.begin(), text.end(), ' ', '\1');
    return text.empty() ? text : '\1' + text + '\2';
}

}  // namespace

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
    const Written before = written_in(old);
    const Written after = written_in(next);
    Applies strongest = Applies::InPlace;
    for (const Module* module : next.main_level().modules) {
        for (const Row& row : module->kind->rows) {
            const bool is_relevant =
                (row.contexts & (kMain | kEvents)) != 0 && row.how_applied > strongest;
            if (is_relevant && effective_text(row, before, old.is_compat()) !=
                                   effective_text(row, after, next.is_compat())) {
                strongest = row.how_applied;
            }
        }
    }
    return strongest;
}

}  // namespace sluice::conf
