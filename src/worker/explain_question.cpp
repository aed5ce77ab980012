// SPDX-License-Identifier: BSD-2-Clause
// From a URL to a request.
// Runs in: any (explain, on the command line).
#include "worker/explain_question.h"

#include <algorithm>
#include <optional>
#include <ranges>

#include <fmt/format.h>

#include "base/ascii.h"
#include "proto/http/site.h"

namespace sluice::worker {

namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::uint16_t kClientPort = 50'000;  // any: $remote_port

using Failure = std::unexpected<std::string>;

bool is_visible(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte != 0x7f;
    });
}

bool equals_start(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && equals_ignoring_case(text.substr(0, start.size()), start);
}

bool is_literal_v6(std::string_view host) {
    return host.find(':') != std::string_view::npos;
}

std::optional<net::Address> address_of(std::string_view host, std::uint16_t port) {
    return net::Address::parse(is_literal_v6(host) ? fmt::format("[{}]:{}", host, port)
                                                   : fmt::format("{}:{}", host, port));
}

net::Address unnamed_unix() {
    sockaddr_storage storage{};
    storage.ss_family = AF_UNIX;
    return net::Address::from_kernel(storage, sizeof storage.ss_family);
}

bool is_any(const net::Address& address) {
    const net::IpBytes ip = address.ip();
    return ip.size > 0 && std::ranges::all_of(std::span(ip.bytes).first(ip.size),
                                              [](unsigned char byte) { return byte == 0; });
}

/// How good a listener is for the question; 0: it is not the one. As the kernel chooses: the exact
/// address before any; where a name says nothing of an address, any before a certain one.
int rank_of(const net::Address& listens, const Question& question, std::string& why) {
    if (!question.connect.empty()) {
        const bool is_it = listens.text() == question.connect;
        why = is_it ? "--connect names it" : "--connect names another one";
        return is_it ? 4 : 0;
    }
    if (listens.is_unix()) {
        why = "a Unix socket: --connect reaches it";
        return 0;
    }
    if (listens.port() != question.port) {
        why = "another port";
        return 0;
    }
    const std::optional<net::Address> asked = address_of(question.host, question.port);
    if (asked && *asked == listens) {
        why = "this very address";
        return 4;
    }
    if (is_any(listens)) {
        if (asked && asked->family() != listens.family()) {
            why = "another address family";
            return 0;
        }
        why = fmt::format("any address, port {}", question.port);
        return listens.family() == AF_INET ? 3 : 2;
    }
    why = asked ? "another address" : fmt::format("port {}", question.port);
    return asked ? 0 : 1;
}

/// Listeners of stream are none that a URL can mean.
bool is_http(const conf::ListenSpec* listen) {
    return listen->protocol == "http";
}

std::string list_of(const conf::Generation& generation) {
    std::string out;
    for (const conf::ListenSpec* const one : generation.listens() | std::views::filter(is_http)) {
        out += (out.empty() ? "" : ", ") + std::string(one->key);
    }
    return out.empty() ? "nothing" : out;
}

/// What the server sees as its own address where it listens on any.
net::Address local_address(const net::Address& listens, const Question& question) {
    if (!is_any(listens)) {
        return listens;
    }
    const std::optional<net::Address> asked = address_of(question.host, listens.port());
    if (asked && asked->family() == listens.family()) {
        return *asked;
    }
    return *address_of(listens.family() == AF_INET ? "127.0.0.1" : "::1", listens.port());
}

std::expected<net::Address, std::string> peer_address(const net::Address& local,
                                                      const std::string& client) {
    if (client == "unix:" || (client.empty() && local.is_unix())) {
        return unnamed_unix();
    }
    const std::string_view loopback = local.family() == AF_INET6 ? "::1" : "127.0.0.1";
    const std::optional<net::Address> given =
        address_of(client.empty() ? loopback : client, kClientPort);
    if (!given || given->is_unix()) {
        return Failure(fmt::format("\"{}\" is no address of a client", client));
    }
    return *given;
}

}  // namespace

std::expected<void, std::string> take_apart(Question& question) {
    const std::string_view url = question.url;
    if (equals_start(url, "https://")) {
        return Failure(fmt::format("\"{}\": this version serves no TLS, ask for http://", url));
    }
    if (!equals_start(url, kHttp) && url.find("://") < url.find('/')) {
        return Failure(fmt::format("\"{}\": expected http://", url));
    }
    if (!equals_start(url, kHttp)) {
        return Failure(fmt::format(
            "\"{}\" is relative: expected a whole URL such as http://example.com/path?query", url));
    }
    std::string_view rest = url.substr(kHttp.size());
    rest = rest.substr(0, rest.find('#'));  // no client sends a fragment
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view authority = rest.substr(0, end);
    const std::string_view path = rest.substr(end);
    if (authority.find('@') != std::string_view::npos) {
        return Failure(fmt::format("\"{}\": name and password go into -H 'Authorization: …'", url));
    }
    if (authority.empty() || authority.starts_with(':') || !is_visible(authority)) {
        return Failure(fmt::format("\"{}\" names no host", url));
    }
    if (!is_visible(path)) {
        return Failure(fmt::format("\"{}\": write spaces and control bytes as %20 and their like", url));
    }
    const bool is_bracketed = authority.starts_with('[');
    const std::size_t bracket = is_bracketed ? authority.find(']') : 0;
    if (bracket == std::string_view::npos) {
        return Failure(fmt::format("\"{}\": the address in brackets has no end", url));
    }
    const std::size_t colon = authority.find(':', bracket);
    if (colon != std::string_view::npos) {
        const auto port = parse_decimal(authority.substr(colon + 1));
        if (!port || *port == 0 || *port > UINT16_MAX) {
            return Failure(fmt::format("\"{}\": \"{}\" is no port", url, authority.substr(colon + 1)));
        }
        question.port = static_cast<std::uint16_t>(*port);
    }
    question.authority = authority;
    question.host = is_bracketed ? authority.substr(1, bracket - 1) : authority.substr(0, colon);
    question.target = (path.starts_with('/') ? "" : "/") + std::string(path);
    return {};
}

std::expected<std::string, std::string> head_of(const Question& question) {
    if (question.method.empty() || !is_visible(question.method)) {
        return Failure(fmt::format("\"{}\" is no method", question.method));
    }
    std::string fields;
    bool has_host = false;
    for (const std::string& field : question.fields) {
        const std::size_t colon = field.find(':');
        const std::string_view name = std::string_view(field).substr(0, colon);
        if (colon == std::string::npos || name.empty() ||
            field.find_first_of("\r\n") != std::string::npos) {
            return Failure(fmt::format("\"{}\" is no field: expected 'Name: value'", field));
        }
        has_host = has_host || equals_ignoring_case(name, "Host");
        fields += field + "\r\n";
    }
    return fmt::format("{} {} HTTP/1.1\r\n{}{}{}{}\r\n", question.method, question.target,
                       has_host ? "" : "Host: ", has_host ? "" : question.authority,
                       has_host ? "" : "\r\n", fields);
}

std::expected<Entrance, std::string> find_entrance(const conf::Generation& generation,
                                                   const Question& question,
                                                   http::Trace& trace) {
    Entrance out;
    int best = 0;
    std::string reason;
    const std::size_t heading = trace.reserve(http::Topic::Listener);
    for (const conf::ListenSpec* const one : generation.listens() | std::views::filter(is_http)) {
        const std::optional<net::Address> address = net::Address::parse(one->key);
        if (!address) {
            continue;
        }
        std::string why;
        const int rank = rank_of(*address, question, why);
        trace.add({.topic = http::Topic::Listener,
                   .is_detail = true,
                   .at = one->at,
                   .text = fmt::format("{}: {}", one->key, why)});
        if (rank > best) {
            best = rank;
            reason = why;
            out.listener = one;
            out.local = local_address(*address, question);
        }
    }
    if (out.listener == nullptr) {
        return Failure(fmt::format(
            "\"{}\": nothing listens on {}; this configuration listens on {}", question.url,
            question.connect.empty() ? fmt::format("port {} of {}", question.port, question.host)
                                     : question.connect,
            list_of(generation)));
    }
    trace.fill(heading, out.listener->at, fmt::format("{}: {}", out.listener->key, reason));
    if (std::ranges::count_if(generation.listens(), is_http) == 1) {
        trace.drop_details();
    }
    auto peer = peer_address(out.local, question.client);
    if (!peer) {
        return Failure(std::move(peer.error()));
    }
    out.peer = *peer;
    return out;
}

std::string proxy_header_of(const Entrance& entrance) {
    if (!static_cast<const http::Port*>(entrance.listener->service)->has_proxy_header) {
        return {};
    }
    const bool is_ip = entrance.peer.family() == AF_INET || entrance.peer.family() == AF_INET6;
    if (!is_ip || entrance.local.family() != entrance.peer.family()) {
        return "PROXY UNKNOWN\r\n";
    }
    return fmt::format("PROXY TCP{} {} {} {} {}\r\n", entrance.peer.family() == AF_INET ? 4 : 6,
                       entrance.peer.host(), entrance.local.host(), entrance.peer.port(),
                       entrance.local.port());
}

}  // namespace sluice::worker
