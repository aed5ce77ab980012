// SPDX-License-Identifier: BSD-2-Clause
// Networks.
// Runs in: any.
#include "net/network.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/ascii.h"

namespace sluice::net {

namespace {

constexpr std::size_t kMappedPrefix = 12;

// The number of leading ones in a mask such as 255.255.0.0; nothing where ones follow zeros.
std::optional<std::size_t> bits_of(const IpBytes& mask) {
    std::size_t bits = 0;
    while (bits < mask.size * 8 && (mask.bytes[bits / 8] & (0x80U >> (bits % 8))) != 0) {
        ++bits;
    }
    for (std::size_t i = bits; i < mask.size * 8; ++i) {
        if ((mask.bytes[i / 8] & (0x80U >> (i % 8))) != 0) {
            return std::nullopt;
        }
    }
    return bits;
}

std::optional<std::size_t> read_bits(std::string_view text, std::size_t size) {
    if (const auto number = parse_decimal(text); number) {
        return *number <= size * 8 ? number : std::nullopt;
    }
    const std::optional<IpBytes> mask = size == 4 ? parse_ip(text) : std::nullopt;
    return mask && mask->size == 4 ? bits_of(*mask) : std::nullopt;
}

/// The bytes of an IPv4 address, in network order.
std::uint32_t word_of(const IpBytes& v4) {
    std::uint32_t word = 0;
    std::memcpy(&word, v4.bytes.data(), sizeof word);
    return word;
}

}  // namespace

std::optional<IpBytes> parse_ip(std::string_view text) {
    const bool is_v6 = text.find(':') != std::string_view::npos;
    const std::string key = is_v6 ? "[" + std::string(text) + "]:0" : std::string(text) + ":0";
    const std::optional<Address> address = Address::parse(key);
    return address && !address->is_unix() ? std::optional(address->ip()) : std::nullopt;
}

IpBytes unmapped(const IpBytes& ip) {
    constexpr std::array<unsigned char, kMappedPrefix> kMapped{0, 0, 0, 0, 0, 0,
                                                               0, 0, 0, 0, 0xff, 0xff};
    if (ip.size != ip.bytes.size() ||
        !std::equal(kMapped.begin(), kMapped.end(), ip.bytes.begin())) {
        return ip;
    }
    IpBytes out{.bytes = {}, .size = 4};
    std::copy_n(ip.bytes.begin() + kMappedPrefix, 4, out.bytes.begin());
    return out;
}

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::optional<IpBytes> start = parse_ip(text.substr(0, slash));
    if (!start) {
        return std::nullopt;
    }
    const std::optional<std::size_t> bits = slash == std::string_view::npos
                                                ? start->size * 8
                                                : read_bits(text.substr(slash + 1), start->size);
    if (!bits) {
        return std::nullopt;
    }
    Network out;
    out.start_ = *start;
    out.cut(*bits);
    return out;
}

void Network::cut(std::size_t bits) {
    mask_.size = start_.size;
    for (std::size_t i = 0; i < start_.size; ++i) {
        const std::size_t here = std::clamp<std::size_t>(bits, i * 8, i * 8 + 8) - i * 8;
        mask_.bytes[i] = static_cast<unsigned char>(0xff00U >> here);
        const auto kept = static_cast<unsigned char>(start_.bytes[i] & mask_.bytes[i]);
        had_low_bits_ = had_low_bits_ || kept != start_.bytes[i];
        start_.bytes[i] = kept;
    }
}

IpBytes Network::last() const {
    IpBytes out = start_;
    for (std::size_t i = 0; i < out.size; ++i) {
        out.bytes[i] = static_cast<unsigned char>(out.bytes[i] | ~mask_.bytes[i]);
    }
    return out;
}

bool Network::contains(const IpBytes& ip) const {
    constexpr std::size_t kV4 = 4;
    if (ip.size == kV4 && start_.size == kV4) {  // most peers and networks: one comparison
        return (word_of(ip) & word_of(mask_)) == word_of(start_);
    }
    const IpBytes plain = unmapped(ip);
    if (plain.size != start_.size) {
        return false;
    }
    for (std::size_t i = 0; i < plain.size; ++i) {
        if ((plain.bytes[i] & mask_.bytes[i]) != start_.bytes[i]) {
            return false;
        }
    }
    return true;
}

}  // namespace sluice::net
