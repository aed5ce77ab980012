// SPDX-License-Identifier: BSD-2-Clause
// The variables that whatever comes by a connection has, an http exchange and a stream session alike:
// addresses, what a proxy told, what TCP knows, the time, the process. Written once over the type of
// the subject, so that each use is a direct call.
// Runs in: worker.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/version.h"
#include "net/address.h"
#include "net/proxy_protocol.h"
#include "script/clock_text.h"
#include "script/value_text.h"
#include "script/variable.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sluice::script {

/// `Subject` has peer(), timings.wall and port, which may be null and has a number; by `wire` peer(), local(), connection_number(), age(),
/// tcp() and proxied().
template <class Subject>
class ConnectionVariables {
    static const Subject& of(const void* subject) { return *static_cast<const Subject*>(subject); }

    // ---- addresses ----

    static Value host(const net::Address& address, Arena& arena) {
        std::array<char, net::kMaxHostText> room{};
        return kept_text(arena, address.print_host(room));
    }

    static Value remote_addr(const void* subject, Arena& arena, std::string_view) {
        return host(of(subject).peer(), arena);
    }

    static Value remote_port(const void* subject, Arena& arena, std::string_view) {
        const std::uint16_t port = of(subject).peer().port();
        return port == 0 ? Value{""} : number_text(arena, port);
    }

    static Value binary_remote_addr(const void* subject, Arena& arena, std::string_view) {
        const net::IpBytes ip = of(subject).peer().ip();
        std::array<char, sizeof ip.bytes> bytes{};
        std::ranges::copy(ip.bytes, bytes.begin());
        return kept_text(arena, ip.size == 0 ? std::string_view("unix:")
                                             : std::string_view(bytes.data(), ip.size));
    }

    static Value realip_remote_addr(const void* subject, Arena& arena, std::string_view) {
        return host(of(subject).wire.peer(), arena);
    }

    static Value realip_remote_port(const void* subject, Arena& arena, std::string_view) {
        const std::uint16_t port = of(subject).wire.peer().port();
        return port == 0 ? Value{""} : number_text(arena, port);
    }

    static Value server_addr(const void* subject, Arena& arena, std::string_view) {
        return host(of(subject).wire.local(), arena);
    }

    static Value server_port(const void* subject, Arena& arena, std::string_view) {
        // The listener's is the connection's: no system call for what is in most access lines.
        const auto* const port = of(subject).port;
        const std::uint16_t known =
            port != nullptr ? port->number : of(subject).wire.local().port();
        return known == 0 ? Value{""} : number_text(arena, known);
    }

    // ---- the connection ----

    static Value connection(const void* subject, Arena& arena, std::string_view) {
        return number_text(arena, of(subject).wire.connection_number());
    }

    static Value connection_time(const void* subject, Arena& arena, std::string_view) {
        return seconds_text(arena, std::max<std::int64_t>(of(subject).wire.age().count(), 0));
    }

    template <net::PeerAddress net::ProxyHeader::* Which>
    static Value proxied_addr(const void* subject, Arena& arena, std::string_view) {
        const net::ProxyHeader* const header = of(subject).wire.proxied();
        return header == nullptr ? Value::none() : host((header->*Which).unpack(), arena);
    }

    template <net::PeerAddress net::ProxyHeader::* Which>
    static Value proxied_port(const void* subject, Arena& arena, std::string_view) {
        const net::ProxyHeader* const header = of(subject).wire.proxied();
        return header == nullptr ? Value::none()
                                 : number_text(arena, (header->*Which).unpack().port());
    }

    static Value proxied_tlv(const void* subject, Arena& arena, std::string_view name) {
        const net::ProxyHeader* const header = of(subject).wire.proxied();
        std::array<char, 10> room{};
        const auto value =
            header == nullptr ? std::nullopt : net::find_tlv(header->tlvs, name, room);
        return value ? kept_text(arena, *value) : Value::none();
    }

    template <std::uint32_t sys::TcpFacts::* Fact>
    static Value tcp(const void* subject, Arena& arena, std::string_view) {
        const std::optional<sys::TcpFacts> facts = of(subject).wire.tcp();
        return facts ? number_text(arena, (*facts).*Fact) : Value::none();
    }

    // ---- time and process ----

    static Value msec(const void* subject, Arena& arena, std::string_view) {
        return seconds_text(arena, std::max<std::int64_t>(of(subject).timings.wall.count(), 0));
    }

    static Value time_local(const void* subject, Arena& arena, std::string_view) {
        return log_time_text(arena, of(subject).timings.wall);
    }

    static Value time_iso8601(const void* subject, Arena& arena, std::string_view) {
        return iso_time_text(arena, of(subject).timings.wall);
    }

    static Value hostname(const void*, Arena& arena, std::string_view) {
        return kept_text(arena, sys::host_name());
    }

    static Value pid(const void*, Arena& arena, std::string_view) {
        return number_text(arena, sys::own_pid());
    }

    static Value version(const void*, Arena&, std::string_view) { return {kVersion}; }

  public:
    using Header = net::ProxyHeader;
    using Tcp = sys::TcpFacts;

    // clang-format off
    static constexpr VariableRow kRows[] = {
        {"remote_addr", remote_addr, "The client's address."},
        {"remote_port", remote_port, "The client's port.", false, true},
        {"binary_remote_addr", binary_remote_addr, "The client's address as 4 or 16 bytes in network order; \"unix:\" for a Unix socket."},
        {"realip_remote_addr", realip_remote_addr, "The peer's address, where set_real_ip_from has changed $remote_addr."},
        {"realip_remote_port", realip_remote_port, "The peer's port, where set_real_ip_from has changed $remote_port."},
        {"server_addr", server_addr, "The address that the client connected to."},
        {"server_port", server_port, "The port that the client connected to.", false, true},
        {"connection", connection, "The number of the connection in this worker.", false, true},
        {"connection_time", connection_time, "Seconds since the connection was accepted, with milliseconds.", false, true},
        {"proxy_protocol_addr", proxied_addr<&Header::client>, "The client's address by the PROXY protocol."},
        {"proxy_protocol_port", proxied_port<&Header::client>, "The client's port by the PROXY protocol.", false, true},
        {"proxy_protocol_server_addr", proxied_addr<&Header::server>, "The address that the client had connected to, by the PROXY protocol."},
        {"proxy_protocol_server_port", proxied_port<&Header::server>, "The port that the client had connected to, by the PROXY protocol.", false, true},
        {"proxy_protocol_tlv_", proxied_tlv, "A TLV of the PROXY protocol: alpn, authority, unique_id, ssl_verify, ssl_cn …, or its type as 0x05.", true},
        {"tcpinfo_rtt", tcp<&Tcp::round_trip>, "TCP's round-trip time in microseconds.", false, true},
        {"tcpinfo_rttvar", tcp<&Tcp::round_trip_variance>, "The variance of TCP's round-trip time in microseconds.", false, true},
        {"tcpinfo_snd_cwnd", tcp<&Tcp::send_window>, "TCP's congestion window in segments.", false, true},
        {"tcpinfo_rcv_space", tcp<&Tcp::receive_space>, "TCP's receive buffer in bytes.", false, true},
        {"msec", msec, "The time in seconds since 1970, with milliseconds.", false, true},
        {"time_local", time_local, "Local time in the Common Log Format."},
        {"time_iso8601", time_iso8601, "Local time as ISO 8601 writes it."},
        {"hostname", hostname, "The name of this machine."},
        {"pid", pid, "The process id of the worker.", false, true},
        {"sluice_version", version, "The version of this program."},
        {"nginx_version", version, "The same as $sluice_version, for configurations made for nginx."},
    };
    // clang-format on
};

}  // namespace sluice::script
