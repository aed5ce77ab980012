// SPDX-License-Identifier: BSD-2-Clause
// Slots: made at the first assignment, so that requests that need none pay nothing.
// Runs in: worker.
#include "proto/http/variable_slots.h"

#include <algorithm>

#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/site.h"

namespace sluice::http {

script::Value read_slot(const void* subject, Arena&, const void* data) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    const auto& declared = *static_cast<const script::Declared*>(data);
    if (declared.slot < exchange.variables.size() &&
        exchange.variables[declared.slot].data() != nullptr) {
        return {exchange.variables[declared.slot]};
    }
    if (!declared.warns) {
        return script::Value::none();
    }
    const Location* const location = exchange.location;
    if (location == nullptr || *location->core->uninitialized_variable_warn) {
        complain(exchange, log::Level::Warn, "using uninitialized \"{}\" variable",
                 declared.row.name);
    }
    return {""};
}

bool set_slot(Exchange& exchange, std::uint16_t slot, std::string_view text) {
    if (exchange.variables.empty()) {
        exchange.variables =
            exchange.arena.make_span<std::string_view>(exchange.server->variable_count);
    }
    if (slot >= exchange.variables.size()) {
        return false;
    }
    // No address means "never set".
    exchange.variables[slot] = text.data() == nullptr ? std::string_view("") : text;
    return true;
}

bool keep_captures(Exchange& exchange, const script::Pattern& pattern, std::string_view subject) {
    const std::size_t count =
        std::min(pattern.regex.group_count() + 1, script::Regex::kMaxGroups);
    const auto kept = exchange.arena.make_span<std::string_view>(count);
    for (std::size_t i = 0; i < kept.size(); ++i) {
        kept[i] = pattern.regex.last_group(subject, i);
    }
    exchange.captures.groups = kept;
    bool has_room = !kept.empty();
    for (const script::GroupSlot& named : pattern.groups) {
        has_room =
            set_slot(exchange, named.slot, pattern.regex.last_group(subject, named.group)) &&
            has_room;
    }
    return has_room;
}

}  // namespace sluice::http
