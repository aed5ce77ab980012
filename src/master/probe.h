// SPDX-License-Identifier: BSD-2-Clause
// Probe: asks one URL and says whether the answer is good. For a container's health check, so that
// the image needs no other client.
// Runs in: any (the command line).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace sluice::master {

/// A URL of scheme http, taken apart.
struct ProbeTarget {
    std::string host;  ///< a name, "127.0.0.1" or "[::1]"
    std::uint16_t port = 80;
    std::string path = "/";
};

[[nodiscard]] std::optional<ProbeTarget> parse_probe_url(std::string_view url);

/// The status code of a response's first bytes, or nothing.
[[nodiscard]] std::optional<int> parse_status(std::string_view response);

/// 0 where the answer is 2xx or 3xx, 1 otherwise with a reason on descriptor 2.
/// Blocks: up to `limit`.
[[nodiscard]] int probe(std::string_view url, Millis limit);

}  // namespace sluice::master
