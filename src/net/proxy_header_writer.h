// SPDX-License-Identifier: BSD-2-Clause
// Writing headers of the PROXY protocol, which tell an upstream whom we speak for.
// Runs in: worker. Makes no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/address.h"

namespace sluice::net {

enum class ProxyVersion : std::uint8_t { First = 1, Second = 2 };

/// What the client speaks. Version 1 has no word for datagrams and calls both TCP, as nginx does.
enum class ProxiedTransport : std::uint8_t { Stream = 1, Datagram = 2 };

/// Room for any header that is written here: version 1 with two IPv6 addresses is the longest.
inline constexpr std::size_t kMostWrittenProxyHeader = 108;

/// The header for a connection from `client` to `server`, written into `room`. Where the client is
/// no IP address (Unix sockets) it tells nobody: "PROXY UNKNOWN", or LOCAL in version 2. An IPv4
/// address beside an IPv6 one is written as a mapped one. Lives: as long as `room`.
[[nodiscard]] std::string_view write_proxy_header(ProxyVersion version,
                                                  ProxiedTransport transport,
                                                  const Address& client,
                                                  const Address& server,
                                                  std::span<char, kMostWrittenProxyHeader> room);

}  // namespace sluice::net
