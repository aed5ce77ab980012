// SPDX-License-Identifier: BSD-2-Clause
// Location values: from a path to a full URL, as absolute_redirect, server_name_in_redirect and
// port_in_redirect ask for.
// Runs in: worker.
#pragma once

#include <string_view>

#include "proto/http/exchange.h"

namespace sluice::http {

/// The Location to send for `location`: a path becomes a URL unless absolute_redirect is off;
/// anything else stays.
/// Lives: the exchange's arena. An arena that is full gives `location` itself.
[[nodiscard]] std::string_view absolute_location(Exchange& exchange, std::string_view location);

}  // namespace sluice::http
