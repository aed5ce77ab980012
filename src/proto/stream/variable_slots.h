// SPDX-License-Identifier: BSD-2-Clause
// Variable slots: what a session keeps for the configuration itself: values that `set` assigned, and
// what patterns captured, by number and by name.
// Runs in: worker; kSessionAccess is named while a configuration is compiled.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/stream/session.h"
#include "script/pattern.h"
#include "script/subject.h"

namespace sluice::stream {

/// How tables of the configuration reach a session.
extern const script::SubjectAccess kSessionAccess;

/// Assigns a declared variable. `text` must live as long as the session.
/// Fails: false where the arena is full.
[[nodiscard]] bool set_slot(Session& session, std::uint16_t slot, std::string_view text);

/// After `pattern` has matched `subject`: $1…$9 and the variables of its named groups. `subject`
/// must live as long as the session.
/// Fails: false where the arena is full.
[[nodiscard]] bool keep_captures(Session& session,
                                 const script::Pattern& pattern,
                                 std::string_view subject);

}  // namespace sluice::stream
