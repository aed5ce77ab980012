// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: answers of name servers. What is taken over is whole: addresses of 4 or 16 bytes, names
// without control of their length, and the same bytes always say the same.
// Runs in: tests.
#include "upstream/dns_answer.h"

#include <cstddef>
#include <cstdint>

#include "base/bug.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice::upstream;  // NOLINT: a program of one function
    const auto answer = parse_dns_answer({data, size});
    if (!answer) {
        return 0;
    }
    for (const ResolvedAddress& address : answer->addresses) {
        BUG_UNLESS(address.ip_bytes == 4 || address.ip_bytes == 16, "an address of no family");
    }
    for (const ServiceRecord& service : answer->services) {
        BUG_UNLESS(!service.target.empty() && service.target.size() <= 254, "a target that is none");
    }
    BUG_UNLESS(answer->alias.size() <= 254, "an alias that is too long");
    BUG_UNLESS(answer->alias.empty() || (answer->addresses.empty() && answer->services.empty()),
               "an alias beside what was asked for");
    const auto again = parse_dns_answer({data, size});
    BUG_UNLESS(again && again->addresses == answer->addresses &&
                   again->services == answer->services && again->ttl == answer->ttl,
               "the same bytes say something else");
    return 0;
}
