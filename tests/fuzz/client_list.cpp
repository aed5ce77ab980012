// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: lists of addresses in which proxies name the client (realip, geo). Trusted networks,
// one a line, then an empty line, then the lists. A peer that is not trusted names nobody, what is
// found was written there, and a search goes on only through trusted addresses.
// Runs in: tests.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bug.h"
#include "lines.h"
#include "modules/shared/forwarded.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

bool is_same_host(const net::Address& a, const net::Address& b) {
    return a.host() == b.host();
}

void check_text(std::string_view text) {
    const auto address = modules::parse_client(text);
    if (address) {
        const auto again = modules::parse_client(address->host());
        BUG_UNLESS(again && is_same_host(*again, *address), "read as another address");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
    std::vector<net::Network> networks;
    for (std::string_view line = fuzz::take_line(rest); !line.empty(); line = fuzz::take_line(rest)) {
        if (const auto network = net::Network::parse(line)) {
            networks.push_back(*network);
        }
    }
    const net::Address peer = *net::Address::parse("10.0.0.1:80");
    modules::Trusted trusted{.networks = networks};
    std::vector<std::string_view> lists;
    while (!rest.empty() && lists.size() < 16) {
        lists.push_back(fuzz::take_line(rest));
        check_text(lists.back());
    }
    const auto last = modules::forwarded_client(peer, lists, trusted, false);
    const auto first = modules::forwarded_client(peer, lists, trusted, true);
    BUG_UNLESS(trusted.contains(peer) || (!last && !first), "a stranger was believed");
    BUG_UNLESS(last.has_value() == first.has_value(), "one way finds a client, the other none");
    if (!last) {
        return 0;
    }
    BUG_UNLESS(trusted.contains(*last) || is_same_host(*first, *last),
               "the search went on behind an address that is not trusted");
    // Where nobody is trusted beside the peer, the two ways are the same, but behind another way to
    // write the peer's own address (::ffff:10.0.0.1).
    const net::Network own = *net::Network::parse("10.0.0.1");
    trusted.networks = {&own, 1};
    const auto only = modules::forwarded_client(peer, lists, trusted, true);
    BUG_UNLESS(only.has_value(), "the peer is trusted");
    BUG_UNLESS(trusted.contains(*last) || is_same_host(*only, *last), "another address");
    return 0;
}
