// SPDX-License-Identifier: BSD-2-Clause
// Taking "host:port" apart.
// Runs in: any.
#include "upstream/endpoint.h"

#include <array>

#include <fmt/format.h>

#include "base/ascii.h"

namespace sluice::upstream {

namespace {

constexpr std::string_view kUnix = "unix:";
// RFC 1035 §2.3.4, and a trailing dot.
constexpr std::size_t kLongestHost = 254;

using Parsed = std::expected<Endpoint, std::string_view>;

/// Reads ":port" or nothing.
bool read_port(std::string_view text, Endpoint& out) {
    if (text.empty()) {
        return true;
    }
    const std::optional<std::uint64_t> port = parse_decimal(text.substr(1));
    if (text.front() != ':' || !port || *port < 1 || *port > 65535) {
        return false;
    }
    out.port = static_cast<std::uint16_t>(*port);
    return true;
}

bool is_host_byte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != '/' && c != '[' && c != ']' && c != '@';
}

}  // namespace

std::optional<net::Address> address_of(std::string_view ip, std::uint16_t port) {
    const bool is_bare_v6 = ip.find(':') != ip.npos && !ip.starts_with('[');
    if (ip.size() > net::kMaxHostText) {
        return std::nullopt;
    }
    std::array<char, net::kMaxHostText + 16> text;
    const auto end = is_bare_v6 ? fmt::format_to(text.data(), "[{}]:{}", ip, port)
                                : fmt::format_to(text.data(), "{}:{}", ip, port);
    return net::Address::parse({text.data(), static_cast<std::size_t>(end - text.data())});
}

std::optional<net::Address> Endpoint::address(std::uint16_t default_port) const {
    if (is_unix) {
        return net::Address::parse(text);
    }
    return is_literal ? address_of(host, port.value_or(default_port)) : std::nullopt;
}

Parsed parse_endpoint(std::string_view text) {
    Endpoint out{.text = text, .host = {}, .port = {}};
    if (text.size() >= kUnix.size() && equals_ignoring_case(text.substr(0, kUnix.size()), kUnix)) {
        out.is_unix = out.is_literal = true;
        out.host = text;
        if (text.size() == kUnix.size()) {
            return std::unexpected("no path in the unix domain socket");
        }
        if (!net::Address::parse(text)) {
            return std::unexpected("too long path in the unix domain socket");
        }
        return out;
    }
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == text.npos) {
            return std::unexpected("invalid host");
        }
        out.host = text.substr(1, close - 1);
        out.is_literal = true;
        if (!address_of(out.host, 1)) {
            return std::unexpected("invalid IPv6 address");
        }
        return read_port(text.substr(close + 1), out) ? Parsed(out)
                                                      : std::unexpected("invalid port");
    }
    const std::size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    if (out.host.empty()) {
        return std::unexpected("no host");
    }
    if (colon != text.npos && !read_port(text.substr(colon), out)) {
        return std::unexpected("invalid port");
    }
    for (const char c : out.host) {
        if (!is_host_byte(c)) {
            return std::unexpected("invalid host");
        }
    }
    if (out.host.size() > kLongestHost) {
        return std::unexpected("invalid host");
    }
    out.is_literal = address_of(out.host, 1).has_value();
    return out;
}

}  // namespace sluice::upstream
