// SPDX-License-Identifier: BSD-2-Clause
// Who a proxy speaks for.
// Runs in: any (settings), worker.
#include "modules/shared/forwarded.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

namespace sluice::modules {

namespace {

bool is_glue(char c) {
    return c == ' ' || c == ',';
}

/// Cuts the last address off a list. Empty: there is none.
std::string_view take_last(std::string_view& list) {
    while (!list.empty() && is_glue(list.back())) {
        list.remove_suffix(1);
    }
    const auto begin = std::find_if(list.rbegin(), list.rend(), is_glue).base();
    const auto size = static_cast<std::size_t>(list.end() - begin);
    const std::string_view last = list.substr(list.size() - size);
    list.remove_suffix(size);
    return last;
}

void append(Arena& arena, Trusted& trusted, const net::Network& network) {
    const auto all = arena.make_span<net::Network>(trusted.networks.size() + 1);
    std::ranges::copy(trusted.networks, all.begin());
    all.back() = network;
    trusted.networks = all;
}

}  // namespace

bool Trusted::contains(const net::Address& peer) const {
    if (peer.is_unix()) {
        return has_unix;
    }
    const net::IpBytes ip = peer.ip();
    return std::ranges::any_of(networks,
                               [&ip](const net::Network& one) { return one.contains(ip); });
}

bool add_trusted(conf::Build& build,
                 const conf::Argument& argument,
                 std::string_view directive,
                 Trusted& trusted) {
    if (argument.text == "unix:") {
        trusted.has_unix = true;
        return true;
    }
    if (const auto network = net::Network::parse(argument.text)) {
        if (network->had_low_bits()) {
            build.warn(argument.at,
                       fmt::format("low address bits of {} are meaningless", argument.text));
        }
        append(build.arena(), trusted, *network);
        return true;
    }
    const bool is_name =
        !argument.text.empty() && argument.text.find_first_of("/:") == argument.text.npos;
    const auto found = is_name ? build.facts().resolve(argument.text)
                               : Result<std::vector<std::string>>(std::vector<std::string>{});
    if (!found || found->empty()) {
        return build.error(argument,
                           is_name ? fmt::format("host not found in {} \"{}\"", directive,
                                                 argument.text)
                                   : fmt::format("invalid parameter \"{}\"", argument.text),
                           "an address, a network such as 10.0.0.0/8, a host or unix:");
    }
    for (std::string_view text : *found) {
        if (text.starts_with('[')) {
            text = text.substr(1, text.size() - 2);
        }
        if (const auto network = net::Network::parse(text)) {
            append(build.arena(), trusted, *network);
        }
    }
    return true;
}

std::optional<net::Address> parse_client(std::string_view text) {
    // As the kernel counts: longer is no address.
    // "unix" too: a port behind it would make it a socket's path.
    if (text.empty() || text.size() > 64 || text == "unix" || text.starts_with("unix:")) {
        return std::nullopt;
    }
    const bool is_bare_v6 = text.find(':') != text.rfind(':') && !text.starts_with('[');
    if (!is_bare_v6 && text.find(':') != text.npos && !text.ends_with(']')) {
        return net::Address::parse(text);
    }
    std::array<char, 72> room{};
    const auto end = is_bare_v6 ? fmt::format_to(room.begin(), "[{}]:0", text)
                                : fmt::format_to(room.begin(), "{}:0", text);
    return net::Address::parse({room.data(), static_cast<std::size_t>(end - room.begin())});
}

std::optional<net::Address> forwarded_client(const net::Address& peer,
                                             std::span<const std::string_view> lists,
                                             const Trusted& trusted,
                                             bool is_recursive) {
    std::optional<net::Address> client;
    for (std::size_t i = lists.size(); i-- > 0;) {
        std::string_view list = lists[i];
        do {
            if (!trusted.contains(client ? *client : peer)) {
                return client;
            }
            const std::optional<net::Address> named = parse_client(take_last(list));
            if (!named || named->is_unix()) {
                return client;
            }
            client = named;
            if (!is_recursive) {
                return client;
            }
        } while (!list.empty());
    }
    return client;
}

net::IpBytes ip_behind(const script::SubjectAccess& access,
                       const void* subject,
                       const net::Address& peer,
                       const Trusted& trusted,
                       bool is_recursive) {
    constexpr std::size_t kMostLists = 16;
    std::array<std::string_view, kMostLists> lists;
    const std::size_t count =
        access.forwarded == nullptr ? 0 : access.forwarded(subject, lists);
    const auto client =
        forwarded_client(peer, std::span(lists).first(count), trusted, is_recursive);
    return client ? client->ip() : peer.ip();
}

}  // namespace sluice::modules
