// SPDX-License-Identifier: BSD-2-Clause
// Address: an IPv4, IPv6 or Unix socket address, as text and as the kernel wants it; PeerAddress,
// the same in 24 bytes for connections that are kept by the thousand.
// Runs in: any. Makes no system call.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace sluice::net {

/// The bytes of an IP address in network order: 4, 16, or none for other families.
struct IpBytes {
    std::array<unsigned char, 16> bytes{};
    std::size_t size = 0;
};

/// Room for any host as text.
inline constexpr std::size_t kMaxHostText = 46;

/// A socket address; by default none at all (family AF_UNSPEC).
class Address {
  public:
    Address() = default;
    /// What the kernel gave for a socket (accept, getsockname).
    [[nodiscard]] static Address from_kernel(const sockaddr_storage& storage, socklen_t size);
    /// The canonical text of a listen key: "0.0.0.0:8080", "[::1]:80", "unix:/path". Nothing for
    /// a host name, a missing port, or a Unix path that the kernel could not hold (107 bytes).
    [[nodiscard]] static std::optional<Address> parse(std::string_view text);

    /// "127.0.0.1:80", "[::1]:80", "unix:/path"; "unix:" for an unnamed Unix socket; "" for none.
    [[nodiscard]] std::string text() const;
    /// The host alone, as $remote_addr has it: "127.0.0.1", "::1", "unix:".
    [[nodiscard]] std::string host() const;
    /// The same, written into `room` without an allocation. Views `room`.
    [[nodiscard]] std::string_view print_host(std::span<char, kMaxHostText> room) const;

    [[nodiscard]] sa_family_t family() const { return storage_.ss_family; }

    [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }

    /// In host byte order; 0 where the family has no ports.
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] IpBytes ip() const;
    /// The path of a Unix socket; empty for an unnamed one and for other families.
    [[nodiscard]] std::string_view path() const;

    [[nodiscard]] const sockaddr* raw() const;

    [[nodiscard]] socklen_t size() const { return size_; }

    friend bool operator==(const Address& a, const Address& b);

  private:
    [[nodiscard]] static std::optional<Address> parse_ip(std::string_view text);

    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

/// A peer's Address without what a peer never has: a Unix peer's path is dropped.
class PeerAddress {
  public:
    PeerAddress() = default;
    explicit PeerAddress(const Address& address);

    [[nodiscard]] Address unpack() const;

    [[nodiscard]] bool is_unix() const { return family_ == AF_UNIX; }

    /// 127.0.0.0/8, also as a mapped address, or ::1.
    [[nodiscard]] bool is_loopback() const;

  private:
    std::array<unsigned char, 16> bytes_{};  ///< network order; IPv4 in the first four
    std::uint32_t scope_ = 0;                ///< the interface of a link-local IPv6 address
    std::uint16_t port_ = 0;                 ///< host order
    std::uint8_t family_ = AF_UNSPEC;
};

static_assert(sizeof(PeerAddress) == 24);

}  // namespace sluice::net
