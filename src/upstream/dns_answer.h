// SPDX-License-Identifier: BSD-2-Clause
// DnsAnswer: what an answer of a name server says, out of its bytes. RFC 1035, RFC 2782, RFC 3596.
// Whatever does not fit is refused whole: the bytes come from the network.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "upstream/peer_store.h"

namespace sluice::upstream {

/// A server that an SRV record names.
struct ServiceRecord {
    std::string target;
    std::uint16_t port = 0;
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    friend bool operator==(const ServiceRecord&, const ServiceRecord&) = default;
};

struct DnsAnswer {
    std::vector<ResolvedAddress> addresses;  ///< of A and AAAA records
    std::vector<ServiceRecord> services;     ///< of SRV records
    std::string alias;                       ///< where nothing was found but a CNAME: ask for that
    std::uint32_t ttl = 0;                   ///< the least of all records, in seconds
};

/// More records than that of one answer are left out.
inline constexpr std::size_t kMaxDnsRecords = 256;

/// Fails: a sentence for the log.
[[nodiscard]] std::expected<DnsAnswer, std::string_view> parse_dns_answer(
    std::span<const unsigned char> bytes);

}  // namespace sluice::upstream
