// SPDX-License-Identifier: BSD-2-Clause
// A generation's birth, comparison and end.
// Runs in: any.
#include "conf/generation.h"

#include <algorithm>
#include <set>

#include "conf/compiler.h"

namespace sluice::conf {

namespace {

void append(std::string& out, const Directive& directive) {
    out += directive.name;
    for (const Argument& argument : directive.args) {
        out += '\1';
        out += argument.text;
    }
    out += '\2';
}

/// Every directive of main and events whose row applies in `how`, as one comparable text.
std::string settings_that(Applies how, const Generation& generation) {
    std::set<std::string_view> names;
    for (const Module* module : generation.main_level().modules) {
        for (const Row& row : module->kind->rows) {
            if (row.how_applied == how) {
                names.insert(row.name);
            }
        }
    }
    std::string out(generation.is_compat() ? "compat" : "");
    for (const Directive& directive : generation.tree().directives) {
        if (names.contains(directive.name)) {
            append(out, directive);
        }
        if (directive.name == "events") {
            for (const Directive& child : directive.children) {
                if (names.contains(child.name)) {
                    append(out, child);
                }
            }
        }
    }
    return out;
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
    const auto found = std::find_if(listens_.begin(), listens_.end(),
                                    [&](const ListenSpec* spec) { return spec->id == id; });
    return found == listens_.end() ? nullptr : *found;
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
    (is_broken ? out.broken : out.generation) = std::move(generation);
    return out;
}

Applies strongest_change(const Generation& old, const Generation& next) {
    for (const Applies how : {Applies::Restart, Applies::Replace}) {
        if (settings_that(how, old) != settings_that(how, next)) {
            return how;
        }
    }
    return Applies::InPlace;
}

}  // namespace sluice::conf
