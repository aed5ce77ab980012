// SPDX-License-Identifier: BSD-2-Clause
// Writing headers of the PROXY protocol.
// Runs in: worker. Makes no system call.
#include "net/proxy_header_writer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::net {

namespace {

constexpr std::string_view kSecond("\r\n\r\n\0\r\nQUIT\n", 12);

bool is_ip(const Address& address) {
    return address.family() == AF_INET || address.family() == AF_INET6;
}

/// The host as text; an IPv4 address as a mapped one where `is_v6` asks for it.
std::string_view print(const Address& address,
                       bool is_v6,
                       std::span<char, kMaxHostText> room,
                       std::span<char, kMaxHostText> mapped) {
    const std::string_view host = address.print_host(room);
    if (!is_v6 || address.family() == AF_INET6) {
        return host;
    }
    const auto end = fmt::format_to_n(mapped.data(), mapped.size(), "::ffff:{}", host).out;
    return {mapped.data(), static_cast<std::size_t>(end - mapped.data())};
}

std::string_view write_first(const Address& client,
                             const Address& server,
                             bool is_v6,
                             std::span<char> room) {
    std::array<char, kMaxHostText> from{};
    std::array<char, kMaxHostText> to{};
    std::array<char, kMaxHostText> from_mapped{};
    std::array<char, kMaxHostText> to_mapped{};
    const auto end =
        fmt::format_to_n(room.data(), room.size(), "PROXY TCP{} {} {} {} {}\r\n", is_v6 ? 6 : 4,
                         print(client, is_v6, from, from_mapped),
                         print(server, is_v6, to, to_mapped), client.port(), server.port())
            .out;
    return {room.data(), static_cast<std::size_t>(end - room.data())};
}

/// Appends to a header of version 2.
struct Appender {
    std::span<char> room;
    std::size_t size = 0;

    void put(unsigned value) { room[size++] = static_cast<char>(value & 0xffU); }

    void put16(unsigned value) {
        put(value >> 8U);
        put(value);
    }

    void put(const Address& address, bool is_v6) {
        const IpBytes ip = address.ip();
        if (is_v6 && ip.size == 4) {
            for (unsigned i = 0; i < 12; ++i) {
                put(i < 10 ? 0x00U : 0xffU);
            }
        }
        for (std::size_t i = 0; i < ip.size; ++i) {
            put(ip.bytes[i]);
        }
    }
};

std::string_view write_second(ProxiedTransport transport,
                              const Address& client,
                              const Address& server,
                              bool is_v6,
                              std::span<char> room) {
    constexpr unsigned kProxy = 0x21;
    constexpr unsigned kIpv4 = 0x10;
    constexpr unsigned kIpv6 = 0x20;
    std::ranges::copy(kSecond, room.begin());
    Appender out{room, kSecond.size()};
    out.put(kProxy);
    out.put((is_v6 ? kIpv6 : kIpv4) | static_cast<unsigned>(transport));
    out.put16(is_v6 ? 36 : 12);
    out.put(client, is_v6);
    out.put(server, is_v6);
    out.put16(client.port());
    out.put16(server.port());
    return {room.data(), out.size};
}

/// For whom nothing is known.
std::string_view write_nobody(ProxyVersion version, std::span<char> room) {
    constexpr std::string_view kUnknown = "PROXY UNKNOWN\r\n";
    if (version == ProxyVersion::First) {
        std::ranges::copy(kUnknown, room.begin());
        return {room.data(), kUnknown.size()};
    }
    constexpr unsigned kLocal = 0x20;
    std::ranges::copy(kSecond, room.begin());
    Appender out{room, kSecond.size()};
    out.put(kLocal);
    out.put(0U);
    out.put16(0);
    return {room.data(), out.size};
}

}  // namespace

std::string_view write_proxy_header(ProxyVersion version,
                                    ProxiedTransport transport,
                                    const Address& client,
                                    const Address& server,
                                    std::span<char, kMostWrittenProxyHeader> room) {
    if (!is_ip(client) || !is_ip(server)) {
        return write_nobody(version, room);
    }
    const bool is_v6 = client.family() == AF_INET6 || server.family() == AF_INET6;
    return version == ProxyVersion::First ? write_first(client, server, is_v6, room)
                                          : write_second(transport, client, server, is_v6, room);
}

}  // namespace sluice::net
