// SPDX-License-Identifier: BSD-2-Clause
// Access verdicts: what a rule of the Access phase says of a client, and what `satisfy` makes of it:
// all rules must agree, or one that allows is enough. What is still open when every rule has spoken
// is answered by the rule of modules/http/satisfy.cpp, which stands last.
// Runs in: worker.
#pragma once

#include "proto/http/exchange.h"

namespace sluice::http {

/// Whether one rule that allows is enough here.
[[nodiscard]] bool any_suffices(const Exchange& exchange);

/// The rule allows this client. Gives what the rule must answer.
[[nodiscard]] Verdict allow_access(Exchange& exchange);

/// What rules before this one asked of the client (WWW-Authenticate) is not asked any more.
void take_challenge_away(Reply& reply);

/// The rule refuses this client with 401 or 403. Gives what the rule must answer.
[[nodiscard]] Verdict deny_access(Exchange& exchange, int status);

}  // namespace sluice::http
