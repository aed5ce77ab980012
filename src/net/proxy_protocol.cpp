// SPDX-License-Identifier: BSD-2-Clause
// Reading headers of the PROXY protocol.
// Runs in: any (parse), worker.
#include "net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <utility>

#include "base/ascii.h"

namespace sluice::net {

namespace {

constexpr std::string_view kFirst = "PROXY ";
constexpr std::size_t kMostFirst = 107;  ///< of version 1, line end included
constexpr std::string_view kSecond("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixed = 16;  ///< of version 2: what stands before the addresses

constexpr ProxyReading broken(std::string_view complaint) {
    return {ProxyOutcome::Broken, 0, complaint};
}

constexpr ProxyReading kBroken = broken("broken header");

std::size_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
    std::size_t out = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        out = out << 8U | static_cast<unsigned char>(bytes[i]);
    }
    return out;
}

// ---- version 1 ----

std::string_view take_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

std::optional<Address> make_address(std::string_view host, std::string_view port, bool is_v6) {
    const bool looks_v6 = host.find(':') != host.npos;
    if (looks_v6 != is_v6 || port.empty() || port.size() > 5 || host.size() > kMaxHostText ||
        host.find('[') != host.npos) {
        return std::nullopt;
    }
    std::string text(is_v6 ? "[" : "");
    text.append(host).append(is_v6 ? "]:" : ":").append(port);
    return Address::parse(text);
}

/// Whether a family may still come of it: who sends something else is not waited for.
bool begins_family(std::string_view rest) {
    constexpr std::array<std::string_view, 3> kFamilies{"TCP4 ", "TCP6 ", "UNKNOWN"};
    return std::ranges::any_of(kFamilies, [rest](std::string_view family) {
        return rest.substr(0, family.size()) == family.substr(0, rest.size());
    });
}

ProxyReading read_first(std::string_view bytes, ProxyHeader& out) {
    const std::size_t end = bytes.substr(0, kMostFirst).find("\r\n");
    if (end == bytes.npos) {
        return bytes.size() < kMostFirst && begins_family(bytes.substr(kFirst.size()))
                   ? ProxyReading{}
                   : kBroken;
    }
    std::string_view line = bytes.substr(kFirst.size(), end - kFirst.size());
    const std::string_view family = take_word(line);
    if (family == "UNKNOWN") {
        return {ProxyOutcome::Silent, end + 2};
    }
    const bool is_v6 = family == "TCP6";
    if (!is_v6 && family != "TCP4") {
        return kBroken;
    }
    const std::string_view client = take_word(line);
    const std::string_view server = take_word(line);
    const std::string_view client_port = take_word(line);
    const auto from = make_address(client, client_port, is_v6);
    const auto to = make_address(server, line, is_v6);
    if (!from || !to) {
        return kBroken;
    }
    out.client = PeerAddress(*from);
    out.server = PeerAddress(*to);
    return {ProxyOutcome::Told, end + 2};
}

// ---- version 2 ----

/// Both in network order, as the kernel has them.
PeerAddress binary_address(std::string_view ip, std::string_view port) {
    sockaddr_storage storage{};
    const auto put = [&storage](const auto& kernel) {
        std::memcpy(&storage, &kernel, sizeof kernel);
        return PeerAddress(Address::from_kernel(storage, sizeof kernel));
    };
    sockaddr_in v4{};
    if (ip.size() == sizeof v4.sin_addr) {
        v4.sin_family = AF_INET;
        std::memcpy(&v4.sin_addr, ip.data(), sizeof v4.sin_addr);
        std::memcpy(&v4.sin_port, port.data(), sizeof v4.sin_port);
        return put(v4);
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, ip.data(), sizeof v6.sin6_addr);
    std::memcpy(&v6.sin6_port, port.data(), sizeof v6.sin6_port);
    return put(v6);
}

ProxyReading read_second(std::string_view bytes, ProxyHeader& out) {
    if (bytes.size() < kFixed) {
        return {};
    }
    const auto command = static_cast<unsigned char>(bytes[12]);
    const auto family = static_cast<unsigned char>(bytes[13]);
    const std::size_t size = kFixed + number_at(bytes, 14, 2);
    if (command >> 4U != 2) {
        return broken("unknown PROXY protocol version");
    }
    if (size > kMostProxyHeader) {
        return broken("header is too large");
    }
    if (bytes.size() < size) {
        return {};
    }
    constexpr unsigned kTcp4 = 0x11;
    constexpr unsigned kTcp6 = 0x21;
    if ((command & 15U) != 1 || (family != kTcp4 && family != kTcp6)) {
        return {ProxyOutcome::Silent, size};
    }
    const std::size_t ip = family == kTcp4 ? 4 : 16;
    const std::size_t addresses = 2 * ip + 4;
    const std::string_view rest = bytes.substr(kFixed, size - kFixed);
    if (rest.size() < addresses) {
        return kBroken;
    }
    out.client = binary_address(rest.substr(0, ip), rest.substr(2 * ip, 2));
    out.server = binary_address(rest.substr(ip, ip), rest.substr(2 * ip + 2, 2));
    out.tlvs = rest.substr(addresses);
    return {ProxyOutcome::Told, size};
}

// ---- TLVs ----

std::optional<std::string_view> find_type(std::string_view tlvs, unsigned type) {
    while (tlvs.size() >= 3) {
        const std::size_t size = number_at(tlvs, 1, 2);
        if (tlvs.size() - 3 < size) {
            return std::nullopt;
        }
        if (static_cast<unsigned char>(tlvs[0]) == type) {
            return tlvs.substr(3, size);
        }
        tlvs.remove_prefix(3 + size);
    }
    return std::nullopt;
}

using Names = std::span<const std::pair<std::string_view, unsigned>>;

constexpr std::array<std::pair<std::string_view, unsigned>, 5> kNames{
    {{"alpn", 0x01}, {"authority", 0x02}, {"unique_id", 0x05}, {"ssl", 0x20}, {"netns", 0x30}}};
constexpr std::array<std::pair<std::string_view, unsigned>, 5> kTlsNames{
    {{"version", 0x21}, {"cn", 0x22}, {"cipher", 0x23}, {"sig_alg", 0x24}, {"key_alg", 0x25}}};

/// By name, or "0x" and hexadecimal digits.
std::optional<std::string_view> find_named(std::string_view tlvs,
                                           std::string_view name,
                                           Names names) {
    unsigned type = 0;
    if (name.starts_with("0x")) {
        const char* const end = name.data() + name.size();
        const auto [at, error] = std::from_chars(name.data() + 2, end, type, 16);
        if (error != std::errc{} || at != end || type > 0xff) {
            return std::nullopt;
        }
        return find_type(tlvs, type);
    }
    const auto found =
        std::ranges::find_if(names, [name](const auto& one) { return one.first == name; });
    return found == names.end() ? std::nullopt : find_type(tlvs, found->second);
}

}  // namespace

ProxyReading read_proxy_header(std::string_view bytes, ProxyHeader& out) {
    const auto begins = [bytes](std::string_view mark) {
        return bytes.substr(0, mark.size()) == mark.substr(0, bytes.size());
    };
    if (begins(kFirst)) {
        return bytes.size() < kFirst.size() ? ProxyReading{} : read_first(bytes, out);
    }
    return begins(kSecond) ? read_second(bytes, out) : kBroken;
}

std::optional<std::string_view> find_tlv(std::string_view tlvs,
                                         std::string_view name,
                                         std::span<char, 10> room) {
    constexpr std::string_view kTls = "ssl_";
    if (!name.starts_with(kTls)) {
        return find_named(tlvs, name, kNames);
    }
    // Of the TLV "ssl": a byte of flags, four of the verification's outcome, TLVs of its own.
    const auto tls = find_type(tlvs, 0x20);
    if (!tls || tls->size() < 5) {
        return std::nullopt;
    }
    name.remove_prefix(kTls.size());
    if (name == "verify") {
        const char* const end =
            std::to_chars(room.data(), room.data() + room.size(), number_at(*tls, 1, 4)).ptr;
        return std::string_view(room.data(), static_cast<std::size_t>(end - room.data()));
    }
    return find_named(tls->substr(5), name, kTlsNames);
}

std::string_view shown_header(std::string_view input) {
    constexpr std::size_t kMostOfLine = 128;
    constexpr std::size_t kMostOfBinary = 16;
    const std::string_view line = input.substr(0, input.find_first_of("\r\n"));
    return line.empty() ? input.substr(0, kMostOfBinary) : line.substr(0, kMostOfLine);
}

}  // namespace sluice::net
