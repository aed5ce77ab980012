// SPDX-License-Identifier: BSD-2-Clause
// Range replies: turns the reply with a whole representation into the parts that the request's
// Range asks for. It is the last step of a reply's head, behind whatever changes the body, for every
// reply that accepts ranges: the body is given in parts where it can select them, and passed by
// where it cannot.
// Runs in: worker.
#pragma once

#include "proto/http/exchange.h"

namespace sluice::http {

/// Whether apply_range() has something to judge.
[[nodiscard]] inline bool wants_range(const Exchange& exchange) {
    return exchange.request.known[static_cast<std::size_t>(Field::Range)] != nullptr &&
           exchange.reply.accepts_ranges && exchange.reply.status == 200;
}

/// Judges Range and If-Range for a reply that is otherwise decided: status 200, `length`,
/// `content_type`, validators, and `body` or `memory_body`, no `prepared_lines`.
/// Gives Decided (200 as it was, or 206), or what Exchange::finish(416) gives.
[[nodiscard]] Verdict apply_range(Exchange& exchange);

}  // namespace sluice::http
