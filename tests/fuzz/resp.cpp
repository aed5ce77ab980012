// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: RESP requests and the commands on a zone of their own. The requests that are read do
// not depend on how the bytes are cut, every request gets one well-formed reply, and a client that
// reads slowly is never written more than a bound. First byte: how the input is cut.
// Runs in: tests.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bug.h"
#include "event/loop.h"
#include "modules/shared/kv_conf.h"
#include "modules/shared/resp_conversation.h"
#include "proto/resp/request_parser.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

constexpr resp::RequestLimits kLimits{.argument = 1 << 20, .request = 4 << 20};

/// All requests as one text; what comes is `piece` bytes at a time.
std::string requests_of(std::string_view input, std::size_t piece) {
    std::string out;
    resp::RequestParser parser(kLimits);
    resp::Request request;
    std::size_t end = 0;
    while (true) {
        const resp::Reading reading = parser.read(input.substr(0, end), request);
        if (reading == resp::Reading::Broken) {
            return out.append("!").append(parser.complaint());
        }
        if (reading == resp::Reading::More) {
            if (end == input.size()) {
                return out;
            }
            end = std::min(end + piece, input.size());
            continue;
        }
        for (const std::string_view word : request.words) {
            out.append(std::to_string(word.size())).append(":").append(word);
        }
        out += '\n';
        BUG_UNLESS(parser.size() > 0 && parser.size() <= end, "a request of no size");
        input.remove_prefix(parser.size());
        end -= parser.size();
    }
}

/// Reads one reply from the front of `rest`; false: it is none.
bool take_reply(std::string_view& rest, int depth = 0) {
    const std::size_t end = rest.find("\r\n");
    if (end == rest.npos || end == 0 || depth > 8) {
        return false;
    }
    const char mark = rest.front();
    const std::string line(rest.substr(1, end - 1));
    rest.remove_prefix(end + 2);
    if (mark == '+' || mark == '-' || mark == '_') {
        return true;
    }
    const long long number = std::strtoll(line.c_str(), nullptr, 10);
    if (mark == ':') {
        return true;
    }
    if (mark == '$' || mark == '=') {
        const auto size = static_cast<std::size_t>(std::max(number, -2LL) + 2);
        if (number >= 0 && (rest.size() < size || rest.substr(size - 2, 2) != "\r\n")) {
            return false;
        }
        rest.remove_prefix(number >= 0 ? size : 0);
        return true;
    }
    const long long replies = mark == '%' ? 2 * number : mark == '*' || mark == '~' ? number : -2;
    for (long long i = 0; i < replies; ++i) {
        if (!take_reply(rest, depth + 1)) {
            return false;
        }
    }
    return replies >= -1;
}

struct Server {
    shm::Zone zone = shm::Zone::create(modules::kPairs, {.bytes = 1 << 20, .shards = 2}).value();
    sys::RobustOwner owner;
    std::unique_ptr<event::Loop> loop = event::Loop::create().value();
    std::unique_ptr<modules::RespWorker> worker =
        std::make_unique<modules::RespWorker>(*loop, nullptr);
};

Server& server() {
    static Server one;
    if (one.owner.tid() == 0 && !sys::RobustOwner::start(one.owner)) {
        std::abort();
    }
    return one;
}

void converse(std::string_view input, std::size_t piece) {
    Server& one = server();
    shm::ZoneUser user(one.zone, one.owner);
    BUG_UNLESS(user.clear(), "a lock is wedged");
    modules::RespConversation client(*one.worker, user, SIZE_MAX, 1);
    std::string answer;
    while (true) {
        while (!client.to_send().empty()) {
            const std::string_view out = client.to_send().substr(0, std::max<std::size_t>(piece, 16));
            BUG_UNLESS(client.to_send().size() < (8U << 20), "more than is ever kept");
            answer += out;
            client.sent(out.size());
        }
        if (input.empty() || client.is_over()) {
            break;
        }
        const std::span<char> room = client.room();
        BUG_UNLESS(!room.empty(), "no room and nothing to say");
        const std::size_t count = std::min({room.size(), input.size(), piece});
        input.copy(room.data(), count);
        input.remove_prefix(count);
        client.heard(count);
    }
    std::string_view rest(answer);
    while (!rest.empty()) {
        BUG_UNLESS(take_reply(rest), "no reply");
    }
    BUG_UNLESS(one.zone.stats().resets == 0, "a shard made no sense");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view input(static_cast<const char*>(static_cast<const void*>(data + 1)),
                                 size - 1);
    const std::size_t piece = data[0] % 64 + std::size_t{1};
    BUG_UNLESS(requests_of(input, piece) == requests_of(input, SIZE_MAX / 2),
               "the requests depend on how they are cut");
    converse(input, SIZE_MAX / 2);
    converse(input, piece);
    return 0;
}
