// SPDX-License-Identifier: BSD-2-Clause
// Slots of a session.
// Runs in: worker.
#include "proto/stream/variable_slots.h"

#include "proto/stream/error_line.h"
#include "proto/stream/site.h"
#include "script/slots.h"

namespace sluice::stream {

namespace {

using Slots = script::Slots<Session>;

script::Value read_slot(const void* subject, Arena&, const void* data) {
    const auto& session = *static_cast<const Session*>(subject);
    const auto& declared = *static_cast<const script::Declared*>(data);
    const bool is_there = declared.slot < session.variables.size() &&
                          session.variables[declared.slot].data() != nullptr;
    return is_there ? script::Value{session.variables[declared.slot]} : script::Value::none();
}

void tell_cycle(const void* subject, std::string_view name) {
    const auto& session = *static_cast<const Session*>(subject);
    write_error(session, complaint_level(session, log::Level::Error),
                "cycle while evaluating variable \"{}\"", name);
}

}  // namespace

constexpr script::SubjectAccess kSessionAccess{
    .read = &read_slot,
    .peek = &Slots::peek,
    .keep = &Slots::keep,
    .captures = &Slots::captures,
    .capture = &Slots::capture,
    .peer = &Slots::peer,
    .forwarded = nullptr,
    .tell_cycle = &tell_cycle,
};

bool set_slot(Session& session, std::uint16_t slot, std::string_view text) {
    return Slots::assign(&session, slot, text);
}

bool keep_captures(Session& session, const script::Pattern& pattern, std::string_view subject) {
    return Slots::capture(&session, pattern, subject);
}

}  // namespace sluice::stream
