// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: the first message of a TLS client. What it says does not depend on how it is cut into
// records, nor on what stands behind it; fewer bytes wait or are refused; names lie in the message.
// Runs in: tests.
#include "net/client_hello.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bug.h"

namespace {

using namespace sluice;       // NOLINT: a program of one file
using namespace sluice::net;  // NOLINT

/// The handshake bytes of whole records; empty where something else stands among them.
std::string contents(std::string_view bytes) {
    std::string out;
    while (bytes.size() >= 5) {
        const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(bytes[3])) << 8U |
                                 static_cast<unsigned char>(bytes[4]);
        if (bytes[0] != 22 || bytes[1] != 3 || size == 0 || size > bytes.size() - 5) {
            break;
        }
        out += bytes.substr(5, size);
        bytes.remove_prefix(5 + size);
    }
    return out;
}

std::string in_records(std::string_view message, std::size_t size) {
    std::string out;
    while (!message.empty()) {
        const std::string_view part = message.substr(0, size);
        out += {22, 3, 1, static_cast<char>(part.size() >> 8U), static_cast<char>(part.size())};
        out += part;
        message.remove_prefix(part.size());
    }
    return out;
}

void check_same(const ClientHello& one, const ClientHello& other, const char* what) {
    const bool is_same = one.server_name == other.server_name && one.protocols == other.protocols &&
                         one.version == other.version;
    BUG_UNLESS(is_same, what);
}

void check_protocols(std::string_view list) {
    while (!list.empty()) {
        const std::size_t size = static_cast<unsigned char>(list[0]);
        BUG_UNLESS(size > 0 && size < list.size(), "a broken list of protocols is told");
        list.remove_prefix(1 + size);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(static_cast<const char*>(static_cast<const void*>(data)), size);
    Arena arena(1 << 20);
    ClientHello hello;
    const HelloOutcome outcome = read_client_hello(bytes, arena, hello);
    if (outcome != HelloOutcome::Read) {
        BUG_UNLESS(hello.server_name.empty() && hello.protocols.empty(), "told of what is none");
    }
    for (std::size_t part = 0; part < std::min<std::size_t>(size, 512); ++part) {
        ClientHello other;
        const HelloOutcome shorter = read_client_hello(bytes.substr(0, part), arena, other);
        BUG_UNLESS(shorter == HelloOutcome::More || shorter == outcome,
                   "more bytes change what was decided");
        if (shorter == HelloOutcome::Read) {
            check_same(hello, other, "what stands behind it changes what it says");
        }
    }
    if (outcome != HelloOutcome::Read) {
        return 0;
    }
    check_protocols(hello.protocols);
    if ((bytes[0] & 0x80) != 0) {
        return 0;
    }
    std::string longer(bytes);
    longer += "\x17\x03\x03";
    ClientHello again;
    BUG_UNLESS(read_client_hello(longer, arena, again) == outcome, "what stands behind it matters");
    check_same(hello, again, "what stands behind it changes what it says");
    const std::string message = contents(bytes);
    for (const std::size_t record : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
        if (message.empty()) {
            break;
        }
        const std::string cut = in_records(message, record);
        const HelloOutcome cut_outcome = read_client_hello(cut, arena, again);
        BUG_UNLESS(cut_outcome == outcome || cut_outcome == HelloOutcome::More,
                   "records change the outcome");
        if (cut_outcome == outcome) {
            check_same(hello, again, "records change what it says");
        }
    }
    return 0;
}
