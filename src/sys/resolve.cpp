// SPDX-License-Identifier: BSD-2-Clause
// getaddrinfo.
// Runs in: master.
#include "sys/resolve.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>

namespace sluice::sys {

namespace {

std::string text_of(const addrinfo& entry) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (entry.ai_family == AF_INET) {
        const auto* const address = reinterpret_cast<const sockaddr_in*>(entry.ai_addr);
        return ::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    }
    const auto* const address = reinterpret_cast<const sockaddr_in6*>(entry.ai_addr);
    ::inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]";
}

}  // namespace

Result<std::vector<std::string>> resolve_host(const char* host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* first = nullptr;
    const int code = ::getaddrinfo(host, nullptr, &hints, &first);
    if (code != 0) {
        const bool is_unknown = code == EAI_NONAME || code == EAI_NODATA;
        return fail("getaddrinfo()", is_unknown ? ENOENT : (code == EAI_AGAIN ? EAGAIN : EIO));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(first, &::freeaddrinfo);
    std::vector<std::string> out;
    for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) {
            continue;
        }
        std::string text = text_of(*at);
        if (std::find(out.begin(), out.end(), text) == out.end()) {
            out.push_back(std::move(text));
        }
    }
    return out;
}

}  // namespace sluice::sys
