// SPDX-License-Identifier: BSD-2-Clause
// Variables that tables give.
// Runs in: any (declare), worker (read).
#include "script/computed.h"

#include <fmt/format.h>

#include "script/declared.h"

namespace sluice::script {

namespace {

/// In the slot of a variable that is being computed: known by its address.
constexpr char kBusy[] = "";

Value read_computed(const void* subject, Arena& arena, const void* data) {
    const Computed& computed = *static_cast<const Computed*>(data);
    const SubjectAccess& access = *computed.access;
    const std::string_view kept = access.peek(subject, computed.slot);
    if (kept.data() == kBusy) {
        access.tell_cycle(subject, computed.name);
        return Value::none();
    }
    if (kept.data() != nullptr && !computed.is_volatile) {
        return {kept};
    }
    if (!access.keep(subject, computed.slot, {kBusy, 0})) {
        return Value::no_room();
    }
    const Value value = computed.compute(computed, subject, arena);
    const std::string_view text = value.is_found ? value.text : std::string_view{};
    return access.keep(subject, computed.slot, computed.is_volatile ? kept : text)
               ? value
               : Value::no_room();
}

}  // namespace

bool declare_computed(conf::Build& build,
                      const conf::Argument& argument,
                      const VariableTable& variables,
                      Computed& computed) {
    if (argument.text.size() < 2 || !argument.text.starts_with('$')) {
        return build.error(argument, fmt::format("invalid variable name \"{}\"", argument.text),
                           "$ and a name of letters, digits and underscores");
    }
    computed.name = argument.text.substr(1);
    const VariableTable::Found known = variables.find(computed.name);
    // A row with get_bound is one that the configuration made itself.
    if (known.row != nullptr && !known.row->is_prefix && known.row->get_bound == nullptr) {
        return build.error(argument, fmt::format("the duplicate \"{}\" variable", computed.name),
                           "a name that the server does not use itself");
    }
    Declared* const declared = variables.declared()->declare(computed.name);
    if (declared == nullptr) {
        return build.error(argument, "too many variables");
    }
    computed.slot = declared->slot;
    computed.access = &variables.declared()->access();
    declared->row.get_bound = &read_computed;
    declared->row.data = &computed;
    return true;
}

}  // namespace sluice::script
