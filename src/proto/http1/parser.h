// SPDX-License-Identifier: BSD-2-Clause
// parse_head: fills an http::Request from a complete head, strictly: what two servers could read
// differently is refused. RFC 9112.
// Runs in: worker.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "proto/http/request.h"
#include "proto/http1/head_scan.h"

namespace sluice::http1 {

/// Reads the head `bytes[0, scan.size())`. `request` gets method, version, line, target, headers,
/// framing and keep-alive; uri, args and host are left to fill_target().
/// Lives: the request views `bytes`; the header table is in `arena`.
/// Fails: the fault; then method_text, line and target are set where they were readable.
[[nodiscard]] HeadFault parse_head(std::string_view bytes,
                                   const HeadScan& scan,
                                   const HeadLimits& limits,
                                   Arena& arena,
                                   http::Request& request);

/// Sets method, line and target alone: what a log line about a refused head needs.
void note_request_line(std::string_view bytes, const HeadScan& scan, http::Request& request);

/// Fills uri, args and host from the target and the Host field.
[[nodiscard]] HeadFault fill_target(http::Request& request, bool merge_slashes, Arena& arena);

[[nodiscard]] http::Method method_of(std::string_view text);
[[nodiscard]] http::Field field_of(std::string_view name);

}  // namespace sluice::http1
