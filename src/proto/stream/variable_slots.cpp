// SPDX-License-Identifier: BSD-2-Clause
// Slots of a session: made at the first assignment, so that sessions that need none pay nothing.
// Runs in: worker.
#include "proto/stream/variable_slots.h"

#include <algorithm>

#include "proto/stream/error_line.h"
#include "proto/stream/site.h"

namespace sluice::stream {

namespace {

// Slots and captures are all that reading a variable may change of a session.
Session& writable(const void* subject) {
    return const_cast<Session&>(*static_cast<const Session*>(subject));
}

script::Value read_slot(const void* subject, Arena&, const void* data) {
    const auto& session = *static_cast<const Session*>(subject);
    const auto& declared = *static_cast<const script::Declared*>(data);
    const bool is_there = declared.slot < session.variables.size() &&
                          session.variables[declared.slot].data() != nullptr;
    return is_there ? script::Value{session.variables[declared.slot]} : script::Value::none();
}

std::string_view peek(const void* subject, std::uint16_t slot) {
    const auto& session = *static_cast<const Session*>(subject);
    return slot < session.variables.size() ? session.variables[slot] : std::string_view{};
}

bool keep(const void* subject, std::uint16_t slot, std::string_view text) {
    Session& session = writable(subject);
    if (session.variables.empty()) {
        session.variables =
            session.arena.make_span<std::string_view>(session.server->variable_count);
    }
    if (slot >= session.variables.size()) {
        return false;
    }
    session.variables[slot] = text;
    return true;
}

script::Captures captures_of(const void* subject) {
    return static_cast<const Session*>(subject)->captures;
}

bool capture(const void* subject, const script::Pattern& pattern, std::string_view text) {
    return keep_captures(writable(subject), pattern, text);
}

const net::Address& peer_of(const void* subject) {
    return static_cast<const Session*>(subject)->peer();
}

void tell_cycle(const void* subject, std::string_view name) {
    const auto& session = *static_cast<const Session*>(subject);
    write_error(session, complaint_level(session, log::Level::Error),
                "cycle while evaluating variable \"{}\"", name);
}

}  // namespace

constexpr script::SubjectAccess kSessionAccess{
    .read = &read_slot,
    .peek = &peek,
    .keep = &keep,
    .captures = &captures_of,
    .capture = &capture,
    .peer = &peer_of,
    .forwarded = nullptr,
    .tell_cycle = &tell_cycle,
};

bool set_slot(Session& session, std::uint16_t slot, std::string_view text) {
    // No address means "never set".
    return keep(&session, slot, text.data() == nullptr ? std::string_view("") : text);
}

bool keep_captures(Session& session, const script::Pattern& pattern, std::string_view subject) {
    const std::size_t count = std::min(pattern.regex.group_count() + 1, script::Regex::kMaxGroups);
    const auto kept = session.arena.make_span<std::string_view>(count);
    for (std::size_t i = 0; i < kept.size(); ++i) {
        kept[i] = pattern.regex.last_group(subject, i);
    }
    session.captures.groups = kept;
    bool has_room = !kept.empty();
    for (const script::GroupSlot& named : pattern.groups) {
        has_room =
            set_slot(session, named.slot, pattern.regex.last_group(subject, named.group)) &&
            has_room;
    }
    return has_room;
}

}  // namespace sluice::stream
