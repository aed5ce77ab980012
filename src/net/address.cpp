// SPDX-License-Identifier: BSD-2-Clause
// Address: parsing, printing, packing.
// Runs in: any.
#include "net/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digits.h"

namespace sluice::net {

namespace {

static_assert(kMaxHostText >= INET6_ADDRSTRLEN);

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr std::string_view kUnixPrefix = "unix:";

// The family-specific structures are read and written by copy: storage is just bytes.
template <class Sockaddr>
Sockaddr read_as(const sockaddr_storage& storage) {
    Sockaddr out{};
    std::memcpy(&out, &storage, sizeof out);
    return out;
}

template <class Sockaddr>
void write_as(sockaddr_storage& storage, const Sockaddr& in) {
    static_assert(sizeof in <= sizeof storage);
    std::memcpy(&storage, &in, sizeof in);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const std::optional<std::uint64_t> port = parse_decimal(text);
    if (!port || *port > UINT16_MAX) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(*port);
}

// inet_pton wants a terminated string; no address text is longer than INET6_ADDRSTRLEN.
bool parse_host(int family, std::string_view text, void* out) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (text.size() >= buffer.size() || text.find('\0') != text.npos) {
        return false;
    }
    std::ranges::copy(text, buffer.begin());
    return ::inet_pton(family, buffer.data(), out) == 1;
}

}  // namespace

Address Address::from_kernel(const sockaddr_storage& storage, socklen_t size) {
    Address out;
    out.size_ = std::min<socklen_t>(size, sizeof out.storage_);
    std::memcpy(&out.storage_, &storage, out.size_);
    return out;
}

std::optional<Address> Address::parse(std::string_view text) {
    if (!text.starts_with(kUnixPrefix)) {
        return parse_ip(text);
    }
    const std::string_view path = text.substr(kUnixPrefix.size());
    sockaddr_un unix_address{};
    if (path.empty() || path.size() >= sizeof unix_address.sun_path ||
        path.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    unix_address.sun_family = AF_UNIX;
    std::ranges::copy(path, unix_address.sun_path);
    Address out;
    write_as(out.storage_, unix_address);
    out.size_ = static_cast<socklen_t>(kPathOffset + path.size() + 1);
    return out;
}

std::optional<Address> Address::parse_ip(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view host = text.substr(0, colon);
    const std::optional<std::uint16_t> port = parse_port(text.substr(colon + 1));
    if (!port) {
        return std::nullopt;
    }
    Address out;
    if (host.starts_with('[') && host.ends_with(']')) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(*port);
        if (!parse_host(AF_INET6, host.substr(1, host.size() - 2), &v6.sin6_addr)) {
            return std::nullopt;
        }
        write_as(out.storage_, v6);
        out.size_ = sizeof v6;
        return out;
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(*port);
    if (!parse_host(AF_INET, host, &v4.sin_addr)) {
        return std::nullopt;
    }
    write_as(out.storage_, v4);
    out.size_ = sizeof v4;
    return out;
}

std::string Address::text() const {
    switch (family()) {
        case AF_INET:
            return fmt::format("{}:{}", host(), port());
        case AF_INET6:
            return fmt::format("[{}]:{}", host(), port());
        case AF_UNIX:
            return fmt::format("{}{}", kUnixPrefix, path());
        default:
            return {};
    }
}

std::string Address::host() const {
    std::array<char, kMaxHostText> room{};
    return std::string(print_host(room));
}

std::string_view Address::print_host(std::span<char, kMaxHostText> room) const {
    if (family() == AF_INET) {
        // By hand: inet_ntop goes through snprintf and took a third of an access line's time.
        const auto v4 = read_as<sockaddr_in>(storage_);
        std::array<unsigned char, 4> bytes{};
        std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
        char* at = room.data();
        for (const unsigned char byte : bytes) {
            at = put_digits(at, byte, byte < 10 ? 1 : byte < 100 ? 2 : 3);
            *at++ = '.';
        }
        return {room.data(), static_cast<std::size_t>(at - 1 - room.data())};
    }
    if (family() == AF_INET6) {
        const auto v6 = read_as<sockaddr_in6>(storage_);
        return ::inet_ntop(AF_INET6, &v6.sin6_addr, room.data(),
                           static_cast<socklen_t>(room.size()));
    }
    return is_unix() ? kUnixPrefix : std::string_view{};
}

std::uint16_t Address::port() const {
    if (family() == AF_INET) {
        return ntohs(read_as<sockaddr_in>(storage_).sin_port);
    }
    if (family() == AF_INET6) {
        return ntohs(read_as<sockaddr_in6>(storage_).sin6_port);
    }
    return 0;
}

IpBytes Address::ip() const {
    IpBytes out;
    if (family() == AF_INET) {
        const auto v4 = read_as<sockaddr_in>(storage_);
        out.size = sizeof v4.sin_addr;
        std::memcpy(out.bytes.data(), &v4.sin_addr, out.size);
    } else if (family() == AF_INET6) {
        const auto v6 = read_as<sockaddr_in6>(storage_);
        out.size = sizeof v6.sin6_addr;
        std::memcpy(out.bytes.data(), &v6.sin6_addr, out.size);
    }
    return out;
}

std::string_view Address::path() const {
    if (!is_unix() || size_ <= kPathOffset) {
        return {};
    }
    const char* const at =
        static_cast<const char*>(static_cast<const void*>(&storage_)) + kPathOffset;
    return {at, ::strnlen(at, size_ - kPathOffset)};
}

const sockaddr* Address::raw() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&storage_));
}

// Bytes behind the size do not count; padding inside it is always zero here or from the kernel.
bool operator==(const Address& a, const Address& b) {
    return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
}

PeerAddress::PeerAddress(const Address& address)
    : bytes_(address.ip().bytes),
      port_(address.port()),
      family_(static_cast<std::uint8_t>(address.family())) {
    if (address.family() == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, address.raw(), sizeof v6);
        scope_ = v6.sin6_scope_id;
    }
}

bool PeerAddress::is_loopback() const {
    constexpr std::array<unsigned char, 16> kOne{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (family_ == AF_INET) {
        return bytes_[0] == 127;
    }
    return family_ == AF_INET6 &&
           (bytes_ == kOne ||
            (bytes_[12] == 127 && std::ranges::equal(kMapped, std::span(bytes_).first<12>())));
}

Address PeerAddress::unpack() const {
    sockaddr_storage storage;  // as much of it is filled as from_kernel() is told to read
    if (family_ == AF_INET) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port_);
        std::memcpy(&v4.sin_addr, bytes_.data(), sizeof v4.sin_addr);
        write_as(storage, v4);
        return Address::from_kernel(storage, sizeof v4);
    }
    if (family_ == AF_INET6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port_);
        v6.sin6_scope_id = scope_;
        std::memcpy(&v6.sin6_addr, bytes_.data(), sizeof v6.sin6_addr);
        write_as(storage, v6);
        return Address::from_kernel(storage, sizeof v6);
    }
    storage.ss_family = family_;
    return Address::from_kernel(storage, sizeof storage.ss_family);
}

}  // namespace sluice::net
