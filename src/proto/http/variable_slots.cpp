// SPDX-License-Identifier: BSD-2-Clause
// Slots: made at the first assignment, so that requests that need none pay nothing.
// Runs in: worker.
#include "proto/http/variable_slots.h"

#include <algorithm>

#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/site.h"

namespace sluice::http {

namespace {

// Slots and captures are all that reading a variable may change of an exchange.
Exchange& writable(const void* subject) {
    return const_cast<Exchange&>(*static_cast<const Exchange*>(subject));
}

std::span<std::string_view> slots_of(Exchange& exchange) {
    if (exchange.variables.empty()) {
        exchange.variables =
            exchange.arena.make_span<std::string_view>(exchange.server->variable_count);
    }
    return exchange.variables;
}

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

std::string_view peek(const void* subject, std::uint16_t slot) {
    const auto& exchange = *static_cast<const Exchange*>(subject);
    return slot < exchange.variables.size() ? exchange.variables[slot] : std::string_view{};
}

bool keep(const void* subject, std::uint16_t slot, std::string_view text) {
    const std::span<std::string_view> slots = slots_of(writable(subject));
    if (slot >= slots.size()) {
        return false;
    }
    slots[slot] = text;
    return true;
}

script::Captures captures_of(const void* subject) {
    return static_cast<const Exchange*>(subject)->captures;
}

bool capture(const void* subject, const script::Pattern& pattern, std::string_view text) {
    return keep_captures(writable(subject), pattern, text);
}

const net::Address& peer_of(const void* subject) {
    return static_cast<const Exchange*>(subject)->peer();
}

std::size_t forwarded(const void* subject, std::span<std::string_view> out) {
    std::size_t count = 0;
    for (const Header& header : static_cast<const Exchange*>(subject)->request.headers) {
        if (header.field != Field::XForwardedFor) {
            continue;
        }
        if (count == out.size()) {  // the last ones count
            std::ranges::rotate(out, out.begin() + 1);
            --count;
        }
        out[count++] = header.value;
    }
    return count;
}

void tell_cycle(const void* subject, std::string_view name) {
    complain(*static_cast<const Exchange*>(subject), log::Level::Error,
             "cycle while evaluating variable \"{}\"", name);
}

}  // namespace

constexpr script::SubjectAccess kExchangeAccess{
    .read = &read_slot,
    .peek = &peek,
    .keep = &keep,
    .captures = &captures_of,
    .capture = &capture,
    .peer = &peer_of,
    .forwarded = &forwarded,
    .tell_cycle = &tell_cycle,
};

bool set_slot(Exchange& exchange, std::uint16_t slot, std::string_view text) {
    // No address means "never set".
    return keep(&exchange, slot, text.data() == nullptr ? std::string_view("") : text);
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
