// SPDX-License-Identifier: BSD-2-Clause
// Range replies: turns the reply with a whole representation into the parts that the request's
// Range asks for. Any content handler whose reply has a known length may call it: the body is given
// in parts where it can select them, and passed by where it cannot.
// Runs in: worker.
#pragma once

#include "proto/http/conditionals.h"
#include "proto/http/exchange.h"

namespace sluice::http {

/// Judges Range and If-Range for a reply that is otherwise decided: status 200, `length`,
/// `content_type`, and `body` or `memory_body`. Call it where `accepts_ranges` is set.
/// Gives Decided (200 as it was, or 206), or what Exchange::finish(416) gives.
[[nodiscard]] Verdict apply_range(Exchange& exchange, const Validators& validators);

}  // namespace sluice::http
