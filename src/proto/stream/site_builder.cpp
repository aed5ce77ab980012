// SPDX-License-Identifier: BSD-2-Clause
// From drafts to the frozen ports and servers of `stream`.
// Runs in: any.
#include "proto/stream/site_builder.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "conf/bound_rules.h"
#include "conf/generation.h"
#include "metrics/status_zone.h"
#include "net/address.h"
#include "proto/stream/core_conf.h"

namespace sluice::stream {

namespace {

constexpr std::string_view kDatagramMark = "udp:";

const AddressDraft* find_address(const ServerDraft& server, std::string_view key) {
    const auto found = std::ranges::find(server.addresses, key, &AddressDraft::key);
    return found == server.addresses.end() ? nullptr : &*found;
}

/// Stable over reloads: a server is known by its first name and address.
std::string series_name(const ServerDraft& draft, std::string_view zone) {
    const std::string_view name = draft.server->name;
    const std::string_view address =
        draft.addresses.empty() ? std::string_view() : draft.addresses.front().key;
    if (!zone.empty()) {
        return std::string(zone);
    }
    return name.empty() ? fmt::format("stream {}", address)
                        : fmt::format("stream {}@{}", name, address);
}

}  // namespace

ServerDraft* SiteBuilder::add_server(conf::Build& build, conf::Level& level) {
    Server* const server = build.arena().make<Server>();
    if (server == nullptr) {
        return nullptr;
    }
    server->level = &level;
    ServerDraft& draft = servers_.emplace_back();
    draft.server = server;
    return &draft;
}

void SiteBuilder::freeze(conf::Build& build) {
    std::vector<std::string_view> keys;
    for (ServerDraft& server : servers_) {
        freeze_server(build, server);
        for (const AddressDraft& address : server.addresses) {
            if (std::ranges::find(keys, address.key) == keys.end()) {
                keys.push_back(address.key);
            }
        }
    }
    for (const std::string_view key : keys) {
        freeze_port(build, key);
    }
}

void SiteBuilder::freeze_server(conf::Build& build, ServerDraft& draft) {
    Server& server = *draft.server;
    server.core = &server.level->conf<CoreConf>();
    server.name = draft.names.empty() ? std::string_view() : draft.names.front().name;
    server.variable_count = variables.count();
    const std::string_view zone = server.core->status_zone;
    const std::string name = series_name(draft, zone);
    server.series = metrics::declare_server_series(build, zone, name, server.at);
    bind_rules(build, server);
    const std::size_t handlers = server.rules[static_cast<std::size_t>(Phase::Content)].size();
    if (handlers != 1) {
        build.error(server.at, handlers == 0 ? "no handler for server" : "several handlers for server",
                    "one of proxy_pass, return, pass, echo and kv in the server");
    }
}

void SiteBuilder::bind_rules(conf::Build& build, Server& server) {
    conf::bind_rules<Phase>(build, *server.level, modules_, server.rules);
}

void SiteBuilder::freeze_port(conf::Build& build, std::string_view key) {
    Port* const port = build.arena().make<Port>();
    if (port == nullptr) {
        build.error(conf::Position{}, "no memory for the listening addresses");
        return;
    }
    conf::ListenSpec& spec = build.declare_listen(key);
    port->listener = spec.id;
    port->key = spec.key;
    port->is_datagram = spec.key.starts_with(kDatagramMark);
    port->address = port->is_datagram ? spec.key.substr(kDatagramMark.size()) : spec.key;
    const auto address = net::Address::parse(port->address);
    port->number = address ? address->port() : std::uint16_t{0};
    std::vector<ServerDraft*> drafts;
    const ServerDraft* chosen = nullptr;
    for (ServerDraft& draft : servers_) {
        const AddressDraft* const there = find_address(draft, key);
        if (there == nullptr) {
            continue;
        }
        drafts.push_back(&draft);
        port->has_proxy_header = port->has_proxy_header || there->has_proxy_header;
        if (there->is_default && chosen != nullptr) {
            build.error(there->at, fmt::format("a duplicate default server for {}", key));
        }
        chosen = there->is_default ? &draft : chosen;
    }
    port->default_server = (chosen != nullptr ? chosen : drafts.front())->server;
    check_servers(build, *port, drafts);
    build_names(build, *port, drafts);
    spec.service = port;
}

/// What would serve nobody.
void SiteBuilder::check_servers(conf::Build& build,
                                const Port& port,
                                std::span<ServerDraft* const> drafts) {
    const bool has_names_read =
        !port.default_server->rules[static_cast<std::size_t>(Phase::Preread)].empty();
    for (const ServerDraft* const draft : drafts) {
        const auto handlers = draft->server->rules[static_cast<std::size_t>(Phase::Content)];
        const conf::Position at = find_address(*draft, port.key)->at;
        if (port.is_datagram && !handlers.empty() && handlers.front().is_for_bytes) {
            build.error(at, fmt::format("the handler of this server cannot serve \"{}\"", port.key),
                        "a listen without udp");
        }
        if (draft->server == port.default_server) {
            continue;
        }
        const std::string_view why =
            draft->names.empty()                  ? "it has no server_name"
            : !has_names_read || port.is_datagram ? "nobody asks the clients of that address for "
                                                    "a name (ssl_preread in its first server)"
                                                  : "";
        if (!why.empty()) {
            build.warn(at, fmt::format("no client of {} reaches this server: {}", port.key, why));
        }
    }
}

void SiteBuilder::build_names(conf::Build& build, Port& port, std::span<ServerDraft* const> drafts) {
    using Outcome = script::NameTableBuilder::Outcome;
    script::NameTableBuilder names;
    std::vector<NamedPattern> patterns;
    const auto servers = build.arena().make_span<const Server*>(drafts.size());
    for (std::uint32_t i = 0; i < servers.size(); ++i) {
        servers[i] = drafts[i]->server;
        for (const script::ServerName& name : drafts[i]->names) {
            if (name.pattern != nullptr) {
                patterns.push_back({name.pattern, servers[i]});
                continue;
            }
            const bool is_host = name.name.find('*') != name.name.npos || name.name.starts_with('.');
            const Outcome added =
                is_host ? names.add_host(name.name, i) : names.add_exact(name.name, i);
            if (added == Outcome::Known) {
                build.warn(name.at, fmt::format("conflicting server name \"{}\" on {}, ignored",
                                                name.name, port.key));
            }
        }
    }
    const auto kept = build.arena().make_span<NamedPattern>(patterns.size());
    std::ranges::copy(patterns, kept.begin());
    port.servers = servers;
    port.patterns = kept;
    if (!names.build(build.arena(), port.names)) {
        build.error(conf::Position{}, "no memory for the server names");
    }
}

// ---- look-up ----

const Port* find_port(const conf::Generation& generation, ListenerId listener) {
    const conf::ListenSpec* const spec = generation.find_listen(listener);
    const bool is_ours = spec != nullptr && (spec->protocol == kTcpProtocol ||
                                             spec->protocol == kDatagramProtocol);
    return is_ours ? static_cast<const Port*>(spec->service) : nullptr;
}

const Server* find_server(const Port& port,
                          std::string_view host,
                          const script::Pattern*& pattern) {
    if (const auto number = port.names.find_host(host); number != script::NameTable::kNone) {
        return port.servers[number];
    }
    for (const NamedPattern& one : port.patterns) {
        if (one.pattern->regex.match(host)) {
            pattern = one.pattern;
            return one.server;
        }
    }
    return nullptr;
}

}  // namespace sluice::stream
