// SPDX-License-Identifier: BSD-2-Clause
// Texts made from rows.
// Runs in: any (the command line).
#include "conf/explain.h"

#include <set>
#include <vector>

#include "conf/accepted.h"
#include "conf/diagnostics.h"
#include "conf/tree.h"

namespace sluice::conf {

namespace {

std::string syntax(const Row& row) {
    std::string out(row.name);
    if (row.arity.is_flag) {
        out += " on | off";
    } else if (row.arity.most > 0) {
        for (unsigned i = 0; i < row.arity.least; ++i) {
            out += " VALUE";
        }
        if (row.arity.most == kNoLimit) {
            out += " …";
        } else if (row.arity.most > row.arity.least) {
            out += " [VALUE]";
        }
    }
    return out + (row.arity.has_block ? " { … }" : ";");
}

std::string default_of(const Row& row) {
    if (row.has_better) {
        return std::string(row.better_text) + " (with `compat nginx;`: " +
               (row.has_default ? std::string(row.default_text) : "none") + ")";
    }
    return row.has_default ? std::string(row.default_text) : "none";
}

std::string_view applied(Applies how) {
    switch (how) {
        case Applies::InPlace:
            return "by a reload, in the living workers";
        case Applies::Replace:
            return "by a reload, with new workers";
        case Applies::Restart:
            return "by a restart or an upgrade";
    }
    return {};
}

std::string describe(const Row& row, std::string_view module) {
    std::string out = std::string(row.name) + " — " + std::string(row.sentence) + "\n";
    out += "  syntax:   " + syntax(row) + "\n";
    out += "  default:  " + default_of(row) + "\n";
    out += "  context:  " + context_names(row.contexts) + "\n";
    out += "  applied:  " + std::string(applied(row.how_applied)) + "\n";
    if (row.is_repeatable) {
        out += "  may stand several times in one block\n";
    }
    return out + "  module:   " + std::string(module) + "\n";
}

}  // namespace

Explanation explain(std::span<const Module* const> modules, std::string_view name) {
    Explanation out;
    std::vector<std::string_view> names;
    for (const Module* module : modules) {
        for (const Row& row : module->kind->rows) {
            names.push_back(row.name);
            if (row.name == name) {
                out.text += describe(row, module->name);
                out.is_known = true;
            }
        }
    }
    if (out.is_known) {
        return out;
    }
    if (const AcceptedRow* const accepted = find_accepted(name); accepted != nullptr) {
        return {std::string(name) + " — read without effect: " + std::string(accepted->why) + "\n",
                true};
    }
    out.text = "no directive \"" + std::string(name) + "\"";
    if (is_nginx_directive(name)) {
        out.text += ": it is one of nginx's that this version does not have";
    } else if (const std::string_view nearest = nearest_name(name, names); !nearest.empty()) {
        out.text += ", did you mean \"" + std::string(nearest) + "\"?";
    }
    out.text += "\n";
    return out;
}

std::string reference_markdown(std::span<const Module* const> modules) {
    std::string out =
        "# Directives\n\nMade from the program by `sluice --reference`; `sluice --explain NAME` "
        "shows one of "
        "them.\n";
    out +=
        "\n## Defaults that differ without `compat nginx;`\n\n| directive | sluice | nginx "
        "|\n|---|---|---|\n";
    for (const Module* module : modules) {
        for (const Row& row : module->kind->rows) {
            if (row.has_better) {
                out += "| `" + std::string(row.name) + "` | " + std::string(row.better_text) +
                       " | " + (row.has_default ? std::string(row.default_text) : "none") + " |\n";
            }
        }
    }
    for (const Module* module : modules) {
        if (module->kind->rows.empty()) {
            continue;
        }
        out += "\n## " + std::string(module->name) + "\n";
        for (const Row& row : module->kind->rows) {
            out += "\n### " + std::string(row.name) + "\n\n" + std::string(row.sentence) + "\n\n";
            out += "- syntax: `" + syntax(row) + "`\n- default: " + default_of(row) +
                   "\n- context: " + context_names(row.contexts) +
                   "\n- applied: " + std::string(applied(row.how_applied)) + "\n";
        }
    }
    out +=
        "\n## Directives of nginx that are read without effect\n\n| directive | why |\n|---|---|\n";
    for (const AcceptedRow& row : accepted_directives()) {
        out += "| `" + std::string(row.name) + "` | " + std::string(row.why) + " |\n";
    }
    return out;
}

std::string dump(const Tree& tree) {
    std::string out;
    std::set<std::string_view> seen;
    for (const SourceFile& file : tree.files) {
        if (seen.insert(file.path).second) {
            out += "# configuration file " + std::string(file.path) + ":\n";
            out += file.bytes;
            out += "\n";
        }
    }
    return out;
}

}  // namespace sluice::conf
