// SPDX-License-Identifier: BSD-2-Clause
// The frozen tables of `stream` of one generation: ports and servers. Built once after inheritance;
// only read afterwards.
// Runs in: any (build), worker (lookup).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"
#include "conf/tree.h"
#include "log/rate_limit.h"
#include "proto/stream/module.h"
#include "script/name_table.h"

namespace sluice::conf {
struct Level;
class Generation;
}  // namespace sluice::conf

namespace sluice::script {
struct Pattern;
}  // namespace sluice::script

namespace sluice::stream {

struct CoreConf;

struct Server {
    std::string_view name;  ///< first server_name
    conf::Position at;
    conf::Level* level = nullptr;
    const CoreConf* core = nullptr;
    /// Rules of each phase, in registry order.
    std::array<std::span<const BoundRule>, kPhaseCount> rules;
    std::size_t variable_count = 0;  ///< slots of Session::variables
    SeriesId series;                 ///< what is counted of its sessions
    /// For lines about this server's configuration that any client can cause again and again.
    mutable log::RateLimit trouble{Millis(60'000)};
};

struct NamedPattern {
    const script::Pattern* pattern = nullptr;
    const Server* server = nullptr;
};

/// One listening address: which servers answer on it.
struct Port {
    ListenerId listener;
    std::string_view key;  ///< "0.0.0.0:80", as log lines name it; "udp:" in front for datagrams
    std::string_view address;  ///< the key without "udp:"
    std::uint16_t number = 0;  ///< $server_port; 0 for a Unix socket
    bool is_datagram = false;
    bool has_proxy_header = false;  ///< connections begin with the PROXY protocol's header
    const Server* default_server = nullptr;
    std::span<const Server* const> servers;
    script::NameTable names;  ///< give an index into `servers`
    std::span<const NamedPattern> patterns;
};

/// The names of net::ProtocolKind and conf::ListenSpec::protocol.
inline constexpr std::string_view kTcpProtocol = "stream";
inline constexpr std::string_view kDatagramProtocol = "dgram";

/// The port that `listener` feeds in this configuration, or null where it is not there (any more)
/// or another protocol's.
[[nodiscard]] const Port* find_port(const conf::Generation& generation, ListenerId listener);

/// The server for a lower-case host name; null where none has it. Where a pattern chose it,
/// `pattern` is that one.
[[nodiscard]] const Server* find_server(const Port& port,
                                        std::string_view host,
                                        const script::Pattern*& pattern);

}  // namespace sluice::stream
