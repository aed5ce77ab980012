// SPDX-License-Identifier: BSD-2-Clause
// Variables of the connection that need more than a copy.
// Runs in: worker.
#include "proto/http/connection_variables.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

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

Value get_https(const void*, Arena&, std::string_view) {
    return {""};
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
    {"https", get_https, "\"on\" where the connection is encrypted, else empty."},
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
