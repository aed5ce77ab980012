// SPDX-License-Identifier: BSD-2-Clause
// Hosts as requests name them: "example.com:80", "[::1]", in a Host field or a target.
// Runs in: any.
#include <array>
#include <cstdint>

#include "base/ascii.h"
#include "proto/http/uri.h"

namespace sluice::http {

namespace {

enum HostClass : std::uint8_t {
    kName = 1,    ///< may stand in a registered name (RFC 3986 §3.2.2), dot included
    kUpper = 2,   ///< the name must be copied in lower case
    kHex = 4,     ///< may stand in an IPv6 address: digits, ':' and '.'
    kFuture = 8,  ///< may stand in an IPvFuture address behind its version
    kDot = 16,
    kSimple = 32,  ///< small letter, digit or '-'
};

constexpr std::array<std::uint8_t, 256> kClasses = [] {
    std::array<std::uint8_t, 256> table{};
    for (std::size_t i = 0; i < 128; ++i) {
        const char c = static_cast<char>(i);
        if (is_alpha(c) || is_digit(c)) {
            table[i] = kName | kFuture;
        }
        if (hex_value(c) >= 0) {
            table[i] |= kHex;
        }
        if (to_lower(c) != c) {
            table[i] |= kUpper;
        }
    }
    for (const char c : std::string_view("-0123456789abcdefghijklmnopqrstuvwxyz")) {
        table[static_cast<unsigned char>(c)] |= kSimple;
    }
    for (const char c : std::string_view("-._~!$&'()*+,;=")) {
        table[static_cast<unsigned char>(c)] |= kName | kFuture;
    }
    table['%'] |= kName;
    table[':'] |= kHex | kFuture;
    table['.'] |= kHex | kDot;
    return table;
}();

constexpr std::size_t kNoHost = std::string_view::npos;

std::uint8_t class_of(char c) {
    return kClasses[static_cast<unsigned char>(c)];
}

// How many bytes at the front are labels of simple bytes with single dots between them: all of
// nearly every host.
std::size_t simple_size(std::string_view text) {
    const char* const end = text.data() + text.size();
    const char* good = text.data();  // behind the last label
    for (const char* at = good;; ++at) {
        const char* const label = at;
        while (at != end && (class_of(*at) & kSimple) != 0) {
            ++at;
        }
        good = at != label ? at : good;
        if (at == label || at == end || *at != '.') {
            return static_cast<std::size_t>(good - text.data());
        }
    }
}

bool is_made_of(std::string_view text, std::uint8_t wanted) {
    for (const char c : text) {
        if ((class_of(c) & wanted) == 0) {
            return false;
        }
    }
    return !text.empty();
}

// RFC 3986 §3.2.2: IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
bool is_future_address(std::string_view text) {
    const std::size_t dot = text.find('.');
    if (dot == text.npos || to_lower(text.front()) != 'v') {
        return false;
    }
    for (const char c : text.substr(1, dot - 1)) {
        if (hex_value(c) < 0) {
            return false;
        }
    }
    return dot > 1 && is_made_of(text.substr(dot + 1), kFuture);
}

std::size_t literal_size(std::string_view authority) {
    const std::size_t close = authority.find(']');
    if (close == authority.npos || close == 1) {
        return kNoHost;
    }
    const std::string_view inside = authority.substr(1, close - 1);
    const bool is_address = is_made_of(inside, kHex) && inside.find("..") == inside.npos;
    return is_address || is_future_address(inside) ? close + 1 : kNoHost;
}

// A port has a number that fits; none behind the colon is none.
bool is_port(std::string_view text) {
    std::uint32_t value = 0;
    for (const char c : text) {
        if (!is_digit(c) || value > UINT16_MAX) {
            return false;
        }
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return value <= UINT16_MAX;
}

std::expected<std::string_view, UriFault> lower_case(std::string_view host, Arena& arena) {
    char* const lower = static_cast<char*>(arena.allocate(host.size(), 1));
    if (lower == nullptr) {
        return std::unexpected(UriFault::NoMemory);
    }
    for (std::size_t i = 0; i < host.size(); ++i) {
        lower[i] = to_lower(host[i]);
    }
    return std::string_view(lower, host.size());
}

}  // namespace

std::expected<std::string_view, UriFault> parse_host(std::string_view authority, Arena& arena) {
    std::size_t size = 0;
    std::uint8_t seen = kUpper;
    if (authority.starts_with('[')) {
        size = literal_size(authority);
        if (size == kNoHost) {
            return std::unexpected(UriFault::Malformed);
        }
    } else {
        size = simple_size(authority);
        if (size == authority.size() && size > 0) [[likely]] {
            return authority;
        }
        seen = 0;
        std::uint8_t last = 0;
        for (; size < authority.size(); ++size) {
            const std::uint8_t now = class_of(authority[size]);
            if ((now & kName) == 0 || (now & last & kDot) != 0) {
                break;
            }
            seen |= now;
            last = now;
        }
    }
    if (size < authority.size() &&
        (authority[size] != ':' || !is_port(authority.substr(size + 1)))) {
        return std::unexpected(UriFault::Malformed);
    }
    if (size > 0 && authority[size - 1] == '.') {
        --size;
    }
    if (size == 0) {
        return std::unexpected(UriFault::Malformed);
    }
    const std::string_view host = authority.substr(0, size);
    if ((seen & kUpper) == 0) {
        return host;
    }
    return lower_case(host, arena);
}

}  // namespace sluice::http
