// SPDX-License-Identifier: BSD-2-Clause
// Reading `resolver`, resolv.conf and hosts.
// Runs in: any.
#include "upstream/resolver_conf.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "conf/generation.h"
#include "upstream/block.h"
#include "upstream/endpoint.h"

namespace sluice::upstream {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::string_view kValid = "valid=";
constexpr std::string_view kIpv4 = "ipv4=";
constexpr std::string_view kIpv6 = "ipv6=";
constexpr std::string_view kStatusZone = "status_zone=";

template <class T>
std::span<const T> keep(conf::Build& build, const std::vector<T>& list) {
    const std::span<T> kept = build.arena().make_span<T>(list.size());
    std::ranges::copy(list, kept.begin());
    return kept;
}

void finish(conf::Build& build, const std::vector<net::Address>& servers, ResolverSpec& spec) {
    spec.servers = keep(build, servers);
    std::string key = std::to_string(spec.valid.count()) + (spec.wants_ipv4 ? "4" : "-") +
                      (spec.wants_ipv6 ? "6" : "-");
    for (const net::Address& server : servers) {
        key += " " + server.text();
    }
    for (const ResolverSpec::Host& host : spec.hosts) {
        key += "\n" + std::string(host.name) + " " + host.address.text();
    }
    spec.key = build.arena().copy(key);
    UpstreamConf& main = build.generation().main_level().conf<UpstreamConf>();
    main.resolvers = build.arena().make<UpstreamConf::ResolverList>(&spec, main.resolvers);
}

bool add_server(conf::Build& build,
                const conf::Argument& argument,
                std::vector<net::Address>& servers) {
    const auto endpoint = parse_endpoint(argument.text);
    if (!endpoint || endpoint->is_unix) {
        const std::string what(endpoint ? "invalid host" : endpoint.error());
        return build.error(argument, what + " in resolver \"" + std::string(argument.text) + "\"",
                           "the address of a name server, such as 127.0.0.53 or [::1]:5353");
    }
    const std::uint16_t port = endpoint->port.value_or(kDnsPort);
    if (endpoint->is_literal) {
        servers.push_back(*address_of(endpoint->host, port));
        return true;
    }
    const Result<std::vector<std::string>> found = build.facts().resolve(endpoint->host);
    if (!found || found->empty()) {
        return build.error(argument,
                           "host not found in resolver \"" + std::string(argument.text) + "\"",
                           "the address of a name server, such as 127.0.0.53");
    }
    for (const std::string& ip : *found) {
        if (const auto address = address_of(ip, port)) {
            servers.push_back(*address);
        }
    }
    return true;
}

bool set_switch(conf::Build& build, const conf::Argument& argument, std::size_t skip, bool& out) {
    const std::string_view value = argument.text.substr(skip);
    if (value != "on" && value != "off") {
        return build.error(argument, "invalid parameter: " + std::string(argument.text),
                           "\"on\" or \"off\"");
    }
    out = value == "on";
    return true;
}

bool set_argument(conf::Build& build,
                  const conf::Argument& argument,
                  ResolverSpec& spec,
                  std::vector<net::Address>& servers) {
    const std::string_view text = argument.text;
    if (text.starts_with(kValid)) {
        const auto time = conf::parse_time(text.substr(kValid.size()));
        if (!time || time->count() == 0) {
            return build.error(argument, "invalid parameter: " + std::string(text),
                               "valid=TIME, such as valid=30s");
        }
        spec.valid = *time;
        return true;
    }
    if (text.starts_with(kIpv4)) {
        return set_switch(build, argument, kIpv4.size(), spec.wants_ipv4);
    }
    if (text.starts_with(kIpv6)) {
        return set_switch(build, argument, kIpv6.size(), spec.wants_ipv6);
    }
    if (text.starts_with(kStatusZone)) {
        return true;  // every resolver is on the status pages
    }
    return add_server(build, argument, servers);
}

/// Calls `line(words)` for each line of a file that is there; comments end at `#` and `;`.
template <class Line>
void each_line(conf::Build& build, std::string_view path, const Line& line) {
    const Result<std::string_view> file = build.facts().file(path);
    std::string_view rest = file ? *file : std::string_view();
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view text = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        text = text.substr(0, text.find_first_of("#;"));
        std::vector<std::string_view> words;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t from = text.find_first_not_of(" \t\r", at);
            if (from == text.npos) {
                break;
            }
            at = std::min(text.find_first_of(" \t\r", from), text.size());
            words.push_back(text.substr(from, at - from));
        }
        if (!words.empty()) {
            line(words);
        }
    }
}

}  // namespace

const ResolverSpec* machine_resolver(conf::Build& build) {
    UpstreamConf& main = build.generation().main_level().conf<UpstreamConf>();
    if (main.default_resolver != nullptr) {
        return main.default_resolver;
    }
    ResolverSpec& spec = *build.arena().make<ResolverSpec>();
    std::vector<net::Address> servers;
    each_line(build, "/etc/resolv.conf", [&](const std::vector<std::string_view>& words) {
        if (words[0] == "nameserver" && words.size() > 1) {
            if (const auto address = address_of(words[1], kDnsPort)) {
                servers.push_back(*address);
            }
        }
    });
    if (servers.empty()) {
        servers.push_back(*address_of("127.0.0.1", kDnsPort));  // resolv.conf(5)
    }
    std::vector<ResolverSpec::Host> hosts;
    each_line(build, "/etc/hosts", [&](const std::vector<std::string_view>& words) {
        const auto address = address_of(words[0], 0);
        for (std::size_t i = 1; i < words.size() && address; ++i) {
            hosts.push_back({build.arena().copy(words[i]), *address});
        }
    });
    spec.hosts = keep(build, hosts);
    finish(build, servers, spec);
    main.default_resolver = &spec;
    return &spec;
}

}  // namespace sluice::upstream

namespace sluice::conf {

bool ParseAs<const upstream::ResolverSpec*>::parse(Build& build,
                                                   const Directive& directive,
                                                   const upstream::ResolverSpec*& out) {
    auto& spec = *build.arena().make<upstream::ResolverSpec>();
    spec.at = directive.at;
    std::vector<net::Address> servers;
    for (const Argument& argument : directive.args) {
        if (!upstream::set_argument(build, argument, spec, servers)) {
            return false;
        }
    }
    if (!spec.wants_ipv4 && !spec.wants_ipv6) {
        return build.error(directive, "\"ipv4\" and \"ipv6\" cannot both be \"off\"",
                           "one of them on");
    }
    if (servers.empty()) {
        return build.error(directive, "no name servers defined",
                           "the address of a name server, such as 127.0.0.53");
    }
    upstream::finish(build, servers, spec);
    out = &spec;
    return true;
}

}  // namespace sluice::conf
