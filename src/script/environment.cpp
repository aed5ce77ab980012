// SPDX-License-Identifier: BSD-2-Clause
// $env_NAME: what the environment holds, for names that `env` in the main block lets through. The
// value is found when the configuration is loaded, so that all processes have the one that the
// master's bundle records, and a request costs no search.
// Runs in: any (settings), worker (value).
#include "script/environment.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/generation.h"
#include "script/declared.h"

namespace sluice::script {

namespace {

constexpr std::string_view kPrefix = "env_";

/// An `env` of the main block.
struct Allowed {
    std::string_view name;
    std::optional<std::string_view> value;  ///< nothing: the environment's own
};

/// All of them, also those that stand below the block that is being read. A name that is set twice
/// has its last value.
std::vector<Allowed> allowed_names(conf::Build& build) {
    std::vector<Allowed> out;
    for (const conf::Directive& directive : build.generation().tree().directives) {
        if (directive.name != "env" || directive.args.size() != 1) {
            continue;
        }
        const std::string_view text = directive.args[0].text;
        const std::size_t equals = text.find('=');
        Allowed one{.name = text.substr(0, equals), .value = std::nullopt};
        if (equals != text.npos) {
            one.value = text.substr(equals + 1);
        }
        std::erase_if(out, [&one](const Allowed& other) { return other.name == one.name; });
        out.push_back(one);
    }
    return out;
}

Value get_value(const void*, Arena&, const void* data) {
    return *static_cast<const Value*>(data);
}

/// The value to be; null: no room.
const Value* value_of(conf::Build& build, const Allowed& allowed) {
    Value* const out = build.arena().make<Value>();
    if (out == nullptr) {
        return nullptr;
    }
    if (allowed.value) {
        out->text = *allowed.value;
        return out;
    }
    const std::optional<std::string> live = build.facts().env(allowed.name);
    *out = live ? Value{build.arena().copy(*live)} : Value::none();
    return live && out->text.data() == nullptr ? nullptr : out;
}

bool report(conf::Build& build, const Declared& use, std::string message, std::string hint) {
    build.diagnostics().add({.at = use.used_at,
                             .message = std::move(message),
                             .expectation = std::move(hint),
                             .width = std::max<std::size_t>(1, use.width)});
    return false;
}

/// Variables know no case and the environment does: one name must be meant.
bool give_value(conf::Build& build, Declared& use, const std::vector<Allowed>& allowed) {
    const std::string_view name = use.row.name.substr(kPrefix.size());
    const auto is_meant = [name](const Allowed& one) { return equals_ignoring_case(one.name, name); };
    use.is_declared = true;
    const auto found = std::ranges::find_if(allowed, is_meant);
    if (found == allowed.end()) {
        return report(build, use, fmt::format("unknown \"{}\" variable", use.row.name),
                      fmt::format("\"env {0};\" or \"env {0}=value;\" in the main block", name));
    }
    if (std::ranges::count_if(allowed, is_meant) > 1) {
        return report(build, use, fmt::format("ambiguous \"{}\" variable", use.row.name),
                      "names of \"env\" that differ by more than case");
    }
    const Value* const value = value_of(build, *found);
    if (value == nullptr) {
        return report(build, use, "no memory for a variable", {});
    }
    use.row.get_bound = &get_value;
    use.row.data = value;
    return true;
}

constexpr VariableRow kVariables[] = {
    {.name = kPrefix,
     .sentence = "The environment variable NAME, as it was at start; \"env NAME;\" or \"env "
                 "NAME=value;\" in the main block allows it.",
     .is_prefix = true},
};

}  // namespace

std::span<const VariableRow> environment_variables() {
    return kVariables;
}

bool give_environment(conf::Build& build, DeclaredVariables& declared) {
    std::vector<Allowed> allowed;
    bool is_good = true;
    for (const Declared* const unknown : declared.unknown()) {
        const std::string_view name = unknown->row.name;
        if (name.size() <= kPrefix.size() ||
            !equals_ignoring_case(name.substr(0, kPrefix.size()), kPrefix)) {
            continue;
        }
        allowed = allowed.empty() ? allowed_names(build) : std::move(allowed);
        is_good = give_value(build, *declared.find(name), allowed) && is_good;
    }
    return is_good;
}

}  // namespace sluice::script
