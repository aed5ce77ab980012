// SPDX-License-Identifier: BSD-2-Clause
// Error pages: which `error_page` answers a status, and the built-in pages for all others.
// Runs in: worker.
#pragma once

#include <string_view>

#include "proto/http/exchange.h"

namespace sluice::http {

/// What `error_page` says about `status` at the exchange's location: Redirected, Decided (a full
/// URL), or Declined where it says nothing.
[[nodiscard]] Verdict use_error_page(Exchange& exchange, int status);

/// Makes the built-in page for `status` the reply's body; statuses without content get none.
void use_builtin_page(Exchange& exchange, int status);

/// The Server field's value at the exchange's location.
[[nodiscard]] std::string_view server_token(const Exchange& exchange);

}  // namespace sluice::http
