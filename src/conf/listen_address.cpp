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

/// One port, or from one to another.
struct Ports {
    int first = 0;
    int last = 0;
};

/// "80" or "8000-8010". Fails: what is wrong.
std::expected<Ports, std::string_view> parse_ports(std::string_view text) {
    const std::size_t dash = text.find('-');
    const std::optional<int> first = parse_port(text.substr(0, dash));
    const std::optional<int> last = dash == text.npos ? first : parse_port(text.substr(dash + 1));
    if (!first || !last) {
        return std::unexpected("invalid port");
    }
    if (*last < *first) {
        return std::unexpected("invalid port range");
    }
    return Ports{*first, *last};
}

bool is_port_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    return dash != text.npos && parse_decimal(text.substr(0, dash)) &&
           parse_decimal(text.substr(dash + 1));
}

void add_keys(std::string_view host, const Ports& ports, std::vector<std::string>& keys) {
    for (int port = ports.first; port <= ports.last; ++port) {
        keys.push_back(std::string(host) + ":" + std::to_string(port));
    }
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
    std::expected<Ports, std::string_view> ports = Ports{default_port, default_port};
    if (close + 1 < text.size()) {
        ports = parse_ports(text[close + 1] == ':' ? text.substr(close + 2) : "");
    }
    if (!ports) {
        return wrong(ports.error(), text);
    }
    std::vector<std::string> keys;
    add_keys("[" + *host + "]", *ports, keys);
    return keys;
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
    std::expected<Ports, std::string_view> ports = Ports{default_port, default_port};
    if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        ports = parse_ports(text.substr(colon + 1));
    } else if (parse_decimal(text) || is_port_range(text)) {
        host = "*";
        ports = parse_ports(text);
    }
    if (!ports) {
        return wrong(ports.error(), text);
    }
    if (host.empty()) {
        return wrong("no host", text);
    }
    std::vector<std::string> keys;
    if (host == "*" || is_ipv4(host)) {
        add_keys(host == "*" ? "0.0.0.0" : host, *ports, keys);
        return keys;
    }
    const Result<std::vector<std::string>> addresses = facts.resolve(host);
    if (!addresses || addresses->empty()) {
        return wrong("host not found", text);
    }
    for (const std::string& address : *addresses) {
        add_keys(address, *ports, keys);
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
