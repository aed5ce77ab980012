// SPDX-License-Identifier: BSD-2-Clause
// Text of addresses, judged without the C library's name service.
// Runs in: any.
#include "conf/listen_address.h"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <optional>

#include "base/ascii.h"

namespace sluice::conf {

namespace {

// sun_path minus its terminator.
constexpr std::size_t kMaxUnixPath = 107;

using Keys = std::expected<std::vector<std::string>, std::string>;

std::optional<int> parse_port(std::string_view text) {
    const std::optional<std::uint64_t> value = parse_decimal(text);
    if (!value || *value < 1 || *value > 65535) {
        return std::nullopt;
    }
    return static_cast<int>(*value);
}

bool is_ipv4(std::string_view text) {
    in_addr address{};
    return ::inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

/// The shortest form of an IPv6 address, so that `[0::0]:80` and `[::]:80` are one listener.
std::optional<std::string> canonical_ipv6(std::string_view text) {
    in6_addr address{};
    if (::inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) {
        return std::nullopt;
    }
    std::array<char, INET6_ADDRSTRLEN> out{};
    ::inet_ntop(AF_INET6, &address, out.data(), out.size());
    return std::string(out.data());
}

std::unexpected<std::string> wrong(std::string_view what, std::string_view text) {
    return std::unexpected(std::string(what) + " in \"" + std::string(text) + "\"");
}

Keys unix_key(std::string_view text) {
    const std::string_view path = text.substr(5);
    if (path.empty()) {
        return wrong("no path", text);
    }
    if (path.size() > kMaxUnixPath) {
        return wrong("too long path (at most 107 bytes)", text);
    }
    return std::vector{std::string(text)};
}

Keys ipv6_key(std::string_view text, int default_port) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) {
        return wrong("invalid host: no closing \"]\"", text);
    }
    const std::optional<std::string> host = canonical_ipv6(text.substr(1, close - 1));
    if (!host) {
        return wrong("invalid IPv6 address", text);
    }
    std::optional<int> port = default_port;
    if (close + 1 < text.size()) {
        port = text[close + 1] == ':' ? parse_port(text.substr(close + 2)) : std::nullopt;
    }
    if (!port) {
        return wrong("invalid port", text);
    }
    return std::vector{"[" + *host + "]:" + std::to_string(*port)};
}

}  // namespace

Keys listen_keys(std::string_view text, int default_port, Facts& facts) {
    if (text.starts_with("unix:")) {
        return unix_key(text);
    }
    if (text.starts_with('[')) {
        return ipv6_key(text, default_port);
    }
    std::string_view host = text;
    std::optional<int> port = default_port;
    if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        port = parse_port(text.substr(colon + 1));
    } else if (parse_decimal(text)) {
        host = "*";
        port = parse_port(text);
    }
    if (!port) {
        return wrong("invalid port", text);
    }
    if (host.empty()) {
        return wrong("no host", text);
    }
    const std::string suffix = ":" + std::to_string(*port);
    if (host == "*") {
        return std::vector{"0.0.0.0" + suffix};
    }
    if (is_ipv4(host)) {
        return std::vector{std::string(host) + suffix};
    }
    const Result<std::vector<std::string>> addresses = facts.resolve(host);
    if (!addresses || addresses->empty()) {
        return wrong("host not found", text);
    }
    std::vector<std::string> keys;
    for (const std::string& address : *addresses) {
        keys.push_back(address + suffix);
    }
    return keys;
}

int port_of_key(std::string_view key) {
    if (key.starts_with("unix:")) {
        return 0;
    }
    return parse_port(key.substr(key.rfind(':') + 1)).value_or(0);
}

}  // namespace sluice::conf
