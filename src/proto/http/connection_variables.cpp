// SPDX-License-Identifier: BSD-2-Clause
// Variables of the connection that need more than a copy.
// Runs in: worker.
#include "proto/http/connection_variables.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ascii.h"
#include "proto/http/exchange.h"

namespace sluice::http {

namespace {

using script::Value;

const Exchange& of(const void* subject) {
    return *static_cast<const Exchange*>(subject);
}

Value kept(Arena& arena, std::string_view text) {
    const std::string_view copy = arena.copy(text);
    return copy.data() == nullptr ? Value::none() : Value{copy};
}

Value get_binary_remote_addr(const void* subject, Arena& arena, std::string_view) {
    const net::Address& peer = of(subject).peer();
    const net::IpBytes ip = peer.ip();
    std::array<char, 16> bytes{};
    std::transform(ip.bytes.begin(), ip.bytes.end(), bytes.begin(),
                   [](unsigned char byte) { return static_cast<char>(byte); });
    return kept(arena, ip.size == 0 ? std::string_view("unix:")
                                    : std::string_view(bytes.data(), ip.size));
}

Value get_connection_time(const void* subject, Arena& arena, std::string_view) {
    const std::int64_t millis = std::max<std::int64_t>(of(subject).wire.age().count(), 0);
    std::array<char, 32> text{};
    const auto end =
        fmt::format_to_n(text.data(), text.size(), "{}.{:03}", millis / 1000, millis % 1000);
    return kept(arena, {text.data(), std::min(end.size, text.size())});
}

// ---- what a proxy told ----

template <net::PeerAddress net::ProxyHeader::* Which>
Value get_proxied_host(const void* subject, Arena& arena, std::string_view) {
    const net::ProxyHeader* const header = of(subject).wire.proxied();
    std::array<char, net::kMaxHostText> room{};
    return header == nullptr ? Value::none() : kept(arena, (header->*Which).unpack().print_host(room));
}

template <net::PeerAddress net::ProxyHeader::* Which>
Value get_proxied_port(const void* subject, Arena& arena, std::string_view) {
    const net::ProxyHeader* const header = of(subject).wire.proxied();
    if (header == nullptr) {
        return Value::none();
    }
    const fmt::format_int text((header->*Which).unpack().port());
    return kept(arena, {text.data(), text.size()});
}

Value get_proxied_tlv(const void* subject, Arena& arena, std::string_view name) {
    const net::ProxyHeader* const header = of(subject).wire.proxied();
    std::array<char, 10> room{};
    const auto value = header == nullptr ? std::nullopt : net::find_tlv(header->tlvs, name, room);
    return value ? kept(arena, *value) : Value::none();
}

Value get_https(const void*, Arena&, std::string_view) {
    return {""};
}

/// The port in the authority that the request names: the target's, else the Host field's.
std::string_view port_asked_for(const Request& request) {
    constexpr std::string_view kMark = "://";
    std::string_view host = request.get(Field::Host);
    if (const std::size_t mark = request.target.find(kMark);
        !request.target.starts_with('/') && mark != std::string_view::npos) {
        host = request.target.substr(mark + kMark.size());
        host = host.substr(0, host.find_first_of("/?#"));
    }
    const std::size_t colon = host.rfind(':');
    const std::size_t bracket = host.rfind(']');
    const bool has_port = colon != std::string_view::npos &&
                          (bracket == std::string_view::npos || colon > bracket);
    const std::string_view port = has_port ? host.substr(colon + 1) : std::string_view{};
    const auto number = parse_decimal(port);
    return number && *number > 0 && *number < 65536 ? port : std::string_view("");
}

Value get_request_port(const void* subject, Arena&, std::string_view) {
    return {port_asked_for(of(subject).request)};
}

Value get_is_request_port(const void* subject, Arena&, std::string_view) {
    return {port_asked_for(of(subject).request).empty() ? "" : ":"};
}

template <std::uint32_t sys::TcpFacts::* Fact>
Value get_tcp(const void* subject, Arena& arena, std::string_view) {
    const std::optional<sys::TcpFacts> facts = of(subject).wire.tcp();
    if (!facts) {
        return Value::none();
    }
    const fmt::format_int text((*facts).*Fact);
    return kept(arena, {text.data(), text.size()});
}

// clang-format off
constexpr script::VariableRow kRows[] = {
    {"binary_remote_addr", get_binary_remote_addr, "The client's address as 4 or 16 bytes; \"unix:\" for a Unix socket."},
    {"connection_time", get_connection_time, "Seconds since the connection was accepted, with milliseconds.", false, true},
    {"proxy_protocol_addr", get_proxied_host<&net::ProxyHeader::client>, "The client's address by the PROXY protocol."},
    {"proxy_protocol_port", get_proxied_port<&net::ProxyHeader::client>, "The client's port by the PROXY protocol.", false, true},
    {"proxy_protocol_server_addr", get_proxied_host<&net::ProxyHeader::server>, "The address that the client had connected to, by the PROXY protocol."},
    {"proxy_protocol_server_port", get_proxied_port<&net::ProxyHeader::server>, "The port that the client had connected to, by the PROXY protocol.", false, true},
    {"proxy_protocol_tlv_", get_proxied_tlv, "A TLV of the PROXY protocol: alpn, authority, unique_id, ssl_verify, ssl_cn …, or its type as 0x05.", true},
    {"https", get_https, "\"on\" where the connection is encrypted, else empty."},
    {"request_port", get_request_port, "The port in the host that was asked for; empty where it names none."},
    {"is_request_port", get_is_request_port, "\":\" where $request_port is not empty, else empty."},
    {"tcpinfo_rtt", get_tcp<&sys::TcpFacts::round_trip>, "TCP's round-trip time in microseconds.", false, true},
    {"tcpinfo_rttvar", get_tcp<&sys::TcpFacts::round_trip_variance>, "The variance of TCP's round-trip time in microseconds.", false, true},
    {"tcpinfo_snd_cwnd", get_tcp<&sys::TcpFacts::send_window>, "TCP's congestion window in segments.", false, true},
    {"tcpinfo_rcv_space", get_tcp<&sys::TcpFacts::receive_space>, "TCP's receive buffer in bytes.", false, true},
};
// clang-format on

}  // namespace

std::span<const script::VariableRow> connection_variables() {
    return kRows;
}

}  // namespace sluice::http
