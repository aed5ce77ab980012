// SPDX-License-Identifier: BSD-2-Clause
// Variables that a configuration makes.
// Runs in: any.
#include "script/declared.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"

namespace sluice::script {

Declared* DeclaredVariables::find(std::string_view name) const {
    const auto found = std::ranges::find_if(entries_, [name](const Declared* entry) {
        return equals_ignoring_case(entry->row.name, name);
    });
    return found == entries_.end() ? nullptr : *found;
}

Declared* DeclaredVariables::add(std::string_view name) {
    const std::string_view kept = arena_.copy(name);
    Declared* const entry = arena_.make<Declared>();
    if (kept.data() == nullptr || entry == nullptr || entries_.size() > UINT16_MAX) {
        return nullptr;
    }
    entry->row.name = kept;
    entry->row.sentence = "A variable of the configuration.";
    entry->row.get_bound = access_.read;
    entry->row.data = entry;
    entry->slot = static_cast<std::uint16_t>(entries_.size());
    entries_.push_back(entry);
    return entry;
}

const VariableRow* DeclaredVariables::want(std::string_view name) {
    Declared* entry = find(name);
    if (entry == nullptr) {
        entry = add(name);
        if (entry == nullptr) {
            return nullptr;
        }
        unplaced_.push_back(entry);
    }
    return &entry->row;
}

void DeclaredVariables::place_wanted(const conf::Argument& argument) {
    for (Declared* const entry : unplaced_) {
        entry->used_at = argument.at;
        entry->width = argument.text.size();
    }
    unplaced_.clear();
}

Declared* DeclaredVariables::declare(std::string_view name) {
    Declared* entry = find(name);
    entry = entry == nullptr ? add(name) : entry;
    if (entry != nullptr) {
        entry->is_declared = true;
    }
    return entry;
}

std::expected<std::span<const GroupSlot>, std::string> DeclaredVariables::declare_groups(
    const Regex& regex, const VariableTable& known) {
    const std::span<GroupSlot> out = arena_.make_span<GroupSlot>(regex.named_groups().size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        const Regex::NamedGroup& group = regex.named_groups()[i];
        const VariableTable::Found taken = known.find(group.name);
        if (taken.row != nullptr && !taken.row->is_prefix && taken.row->get_bound == nullptr) {
            return std::unexpected(fmt::format("the duplicate \"{}\" variable", group.name));
        }
        const Declared* const entry = declare(group.name);
        if (entry == nullptr) {
            return std::unexpected("too many variables");
        }
        out[i] = {static_cast<std::uint16_t>(group.number), entry->slot};
    }
    return out;
}

std::vector<const Declared*> DeclaredVariables::unknown() const {
    std::vector<const Declared*> out;
    std::ranges::copy_if(entries_, std::back_inserter(out),
                         [](const Declared* entry) { return !entry->is_declared; });
    return out;
}

}  // namespace sluice::script
