// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: the header of the PROXY protocol. What it says does not depend on how much stands
// behind it, fewer bytes never say something else, version 1 is read back from what was told, and
// a TLV lies within the header.
// Runs in: tests.
#include "net/proxy_protocol.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bug.h"

namespace {

using namespace sluice::net;  // NOLINT: a program of one file

constexpr std::array<std::string_view, 13> kNames{
    "alpn",   "authority",  "unique_id",   "ssl",         "netns", "ssl_verify", "ssl_version",
    "ssl_cn", "ssl_cipher", "ssl_sig_alg", "ssl_key_alg", "0xea",  "ssl_0x01"};

void check_tlvs(const std::string& tlvs) {
    std::array<char, 10> room{};
    for (const std::string_view name : kNames) {
        const auto value = find_tlv(tlvs, name, room);
        const bool is_inside = value && value->data() >= tlvs.data() &&
                               value->data() + value->size() <= tlvs.data() + tlvs.size();
        BUG_UNLESS(!value || is_inside || value->data() == room.data(), "a TLV from elsewhere");
    }
}

void check_reading_again(const ProxyHeader& header) {
    const Address client = header.client.unpack();
    const Address server = header.server.unpack();
    if (client.family() != server.family()) {
        return;
    }
    const std::string line = std::string("PROXY ") +
                             (client.family() == AF_INET ? "TCP4 " : "TCP6 ") + client.host() +
                             " " + server.host() + " " + std::to_string(client.port()) + " " +
                             std::to_string(server.port()) + "\r\n";
    ProxyHeader again;
    const ProxyReading reading = read_proxy_header(line, again);
    BUG_UNLESS(reading.outcome == ProxyOutcome::Told && reading.size == line.size(),
               "an address that version 1 cannot tell");
    BUG_UNLESS(again.client.unpack() == client && again.server.unpack() == server,
               "read as another address");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(static_cast<const char*>(static_cast<const void*>(data)), size);
    ProxyHeader header;
    const ProxyReading whole = read_proxy_header(bytes, header);
    BUG_UNLESS(whole.outcome != ProxyOutcome::More || size < kMostProxyHeader, "waits forever");
    BUG_UNLESS(whole.size <= size, "longer than what is there");
    // A header told or skipped: everything shorter waits, everything longer says the same.
    const bool is_header =
        whole.outcome == ProxyOutcome::Told || whole.outcome == ProxyOutcome::Silent;
    for (std::size_t part = 0; part < size; ++part) {
        ProxyHeader other;
        const ProxyReading reading = read_proxy_header(bytes.substr(0, part), other);
        if (is_header) {
            const bool is_whole = part >= whole.size;
            BUG_UNLESS(reading.outcome == (is_whole ? whole.outcome : ProxyOutcome::More),
                       "the outcome depends on how it is cut");
            BUG_UNLESS(!is_whole || reading.size == whole.size,
                       "the size depends on how it is cut");
        } else {
            BUG_UNLESS(
                reading.outcome == ProxyOutcome::More || reading.outcome == ProxyOutcome::Broken,
                "what is broken was whole before");
        }
    }
    if (whole.outcome == ProxyOutcome::Told) {
        check_tlvs(header.tlvs);
        check_reading_again(header);
    }
    check_tlvs(std::string(bytes));
    return 0;
}
