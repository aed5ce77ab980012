// SPDX-License-Identifier: BSD-2-Clause
// Location values.
// Runs in: worker.
#include "proto/http/redirect.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "proto/http/core_conf.h"
#include "proto/http/site.h"

namespace sluice::http {

namespace {

constexpr int kHttpPort = 80;

std::string_view host_for(const Exchange& exchange, const CoreConf& core) {
    if (!*core.server_name_in_redirect && !exchange.request.host.empty()) {
        return exchange.request.host;
    }
    return *core.server_name_in_redirect ? exchange.server->name : std::string_view{};
}

// The address as it stands in a URL; empty where there is none.
std::string_view host_of(const net::Address& address, Arena& arena) {
    switch (address.family()) {
        case AF_INET:
            return arena.copy(address.host());
        case AF_INET6:
            return arena.copy("[" + address.host() + "]");
        default:
            return {};
    }
}

}  // namespace

std::string_view absolute_location(Exchange& exchange, std::string_view location) {
    const CoreConf& core = *exchange.location->core;
    if (!*core.absolute_redirect || !location.starts_with('/')) {
        return location;
    }
    std::string_view host = host_for(exchange, core);
    if (host.empty()) {
        host = host_of(exchange.wire.local(), exchange.arena);
    }
    if (host.empty()) {
        return location;  // a Unix socket has no host: the client knows where it is
    }
    const std::uint16_t port =
        exchange.port != nullptr ? exchange.port->number : exchange.wire.local().port();
    std::array<char, 8> digits{':'};
    std::string_view suffix;
    if (*core.port_in_redirect && port != 0 && port != kHttpPort) {
        const char* const end = std::to_chars(&digits[1], digits.data() + digits.size(), port).ptr;
        suffix = {digits.data(), static_cast<std::size_t>(end - digits.data())};
    }
    const std::array<std::string_view, 4> parts{"http://", host, suffix, location};
    std::size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size();
    }
    char* const url = static_cast<char*>(exchange.arena.allocate(size, 1));
    if (url == nullptr) {
        return location;
    }
    char* at = url;
    for (const std::string_view part : parts) {
        at = std::copy(part.begin(), part.end(), at);
    }
    return {url, size};
}

}  // namespace sluice::http
