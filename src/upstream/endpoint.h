// SPDX-License-Identifier: BSD-2-Clause
// Endpoint: "host:port" as `server` and `proxy_pass` have it, taken apart and judged without asking
// anybody what a name means.
// Runs in: any.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "net/address.h"

namespace sluice::upstream {

struct Endpoint {
    std::string_view text;  ///< as written
    std::string_view host;  ///< without port and brackets; the whole text for "unix:"
    std::optional<std::uint16_t> port;
    bool is_unix = false;
    bool is_literal = false;  ///< an address, not a name: address_of() gives it

    /// The address where it is one; `default_port` where none was written.
    [[nodiscard]] std::optional<net::Address> address(std::uint16_t default_port) const;
};

/// Fails: nginx's words, such as "invalid port" or "no host".
/// Lives: the views, as long as `text`.
[[nodiscard]] std::expected<Endpoint, std::string_view> parse_endpoint(std::string_view text);

/// `ip` is "10.0.0.1", "::1" or "[::1]".
[[nodiscard]] std::optional<net::Address> address_of(std::string_view ip, std::uint16_t port);

}  // namespace sluice::upstream
