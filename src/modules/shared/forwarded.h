// SPDX-License-Identifier: BSD-2-Clause
// Forwarded: the client behind proxies that are trusted to name it in a list of addresses, as
// X-Forwarded-For has it. geo and realip.
// Runs in: any (settings), worker.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "conf/build.h"
#include "net/network.h"
#include "script/subject.h"

namespace sluice::modules {

/// Peers that are believed.
struct Trusted {
    std::span<const net::Network> networks;
    bool has_unix = false;  ///< who comes by a Unix socket is

    [[nodiscard]] bool empty() const { return networks.empty() && !has_unix; }
    [[nodiscard]] bool contains(const net::Address& peer) const;
};

/// Adds what a directive names: a network, "unix:", or a host, whose addresses are looked up while
/// the configuration is read. False: an error was reported.
bool add_trusted(conf::Build& build,
                 const conf::Argument& argument,
                 std::string_view directive,
                 Trusted& trusted);

/// "10.0.0.1", "10.0.0.1:80", "::1", "[::1]:80". Nothing for other text.
[[nodiscard]] std::optional<net::Address> parse_client(std::string_view text);

/// The client that `peer` speaks for, by lists of addresses in the order in which they were
/// received: the last address of the last, and, where `is_recursive`, the one before it as long as
/// the address is trusted itself. Nothing where the peer is not trusted, or names nobody.
[[nodiscard]] std::optional<net::Address> forwarded_client(const net::Address& peer,
                                                           std::span<const std::string_view> lists,
                                                           const Trusted& trusted,
                                                           bool is_recursive);

/// The same by what `access` says that proxies told of `subject`, of which the last 16 lists count:
/// the client's address, or the peer's where they name nobody.
[[nodiscard]] net::IpBytes ip_behind(const script::SubjectAccess& access,
                                     const void* subject,
                                     const net::Address& peer,
                                     const Trusted& trusted,
                                     bool is_recursive);

}  // namespace sluice::modules
