// SPDX-License-Identifier: BSD-2-Clause
// Network: a range of IP addresses with a common start, "10.0.0.0/8" or "2001:db8::/32".
// Runs in: any.
#pragma once

#include <optional>
#include <string_view>

#include "net/address.h"

namespace sluice::net {

class Network {
  public:
    /// "10.0.0.0/8", "10.0.0.1", "10.0.0.0/255.0.0.0", "2001:db8::/32". Nothing for other text.
    [[nodiscard]] static std::optional<Network> parse(std::string_view text);

    /// Whether `ip` lies in it. An IPv4 address inside IPv6 (::ffff:a.b.c.d) counts as IPv4.
    [[nodiscard]] bool contains(const IpBytes& ip) const;

    /// The first address in it, and the last.
    [[nodiscard]] const IpBytes& first() const { return start_; }
    [[nodiscard]] IpBytes last() const;

    /// Whether bits behind the prefix were written, which mean nothing.
    [[nodiscard]] bool had_low_bits() const { return had_low_bits_; }

  private:
    void cut(std::size_t bits);

    IpBytes start_;  ///< bits behind the prefix are zero
    IpBytes mask_;
    bool had_low_bits_ = false;
};

/// An address alone, "10.0.0.1" or "::1".
[[nodiscard]] std::optional<IpBytes> parse_ip(std::string_view text);

/// `ip` as IPv4 where it is an IPv4 address inside IPv6.
[[nodiscard]] IpBytes unmapped(const IpBytes& ip);

}  // namespace sluice::net
