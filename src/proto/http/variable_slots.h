// SPDX-License-Identifier: BSD-2-Clause
// Variable slots: what an exchange keeps for the configuration itself: values that `set` assigned,
// and what patterns captured, by number and by name.
// Runs in: worker; kExchangeAccess is named while a configuration is compiled.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/http/exchange.h"
#include "script/pattern.h"
#include "script/subject.h"

namespace sluice::http {

/// How tables of the configuration reach an exchange.
extern const script::SubjectAccess kExchangeAccess;

/// Assigns a declared variable. `text` must live as long as the exchange.
/// Fails: false where the arena is full.
[[nodiscard]] bool set_slot(Exchange& exchange, std::uint16_t slot, std::string_view text);

/// After `pattern` has matched `subject`: $1…$9 and the variables of its named groups. `subject`
/// must live as long as the exchange.
/// Fails: false where the arena is full.
[[nodiscard]] bool keep_captures(Exchange& exchange,
                                 const script::Pattern& pattern,
                                 std::string_view subject);

}  // namespace sluice::http
