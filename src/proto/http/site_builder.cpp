// SPDX-License-Identifier: BSD-2-Clause
// From drafts to the frozen site.
// Runs in: any.
#include "proto/http/site_builder.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "conf/bound_rules.h"
#include "conf/generation.h"
#include "metrics/status_zone.h"
#include "net/address.h"
#include "proto/http/core_conf.h"

namespace sluice::http {

namespace {

// A port with one server needs no names, unless a pattern of that server captures something.
bool needs_names(std::span<const ServerDraft* const> servers) {
    return servers.size() > 1 ||
           std::any_of(servers.front()->names.begin(), servers.front()->names.end(),
                       [](const script::ServerName& name) { return name.pattern != nullptr; });
}

const ServerNames* build_names(conf::Build& build,
                               std::string_view key,
                               std::span<const ServerDraft* const> servers) {
    ServerNamesBuilder names;
    for (const ServerDraft* const server : servers) {
        for (const script::ServerName& name : server->names) {
            if (!names.add(name.name, *server->server, name.pattern)) {
                build.warn(name.at, fmt::format("conflicting server name \"{}\" on {}, ignored",
                                                name.name, key));
            }
        }
    }
    return names.build(build.arena());
}


const AddressDraft* find_address(const ServerDraft& server, std::string_view key) {
    for (const AddressDraft& address : server.addresses) {
        if (address.key == key) {
            return &address;
        }
    }
    return nullptr;
}

}  // namespace

std::string_view modifier_of(Match match) {
    switch (match) {
        case Match::Exact:
            return "= ";
        case Match::PrefixNoRegex:
            return "^~ ";
        case Match::Regex:
            return "~ ";
        case Match::RegexNoCase:
            return "~* ";
        case Match::Root:
        case Match::Prefix:
        case Match::Named:
            return "";
    }
    return "";
}

ServerDraft* SiteBuilder::add_server(conf::Build& build, conf::Level& level) {
    Server* const server = build.arena().make<Server>();
    Location* const root = build.arena().make<Location>();
    if (server == nullptr || root == nullptr) {
        return nullptr;
    }
    server->root = root;
    root->level = &level;
    root->server = server;
    ServerDraft& draft = servers_.emplace_back();
    draft.server = server;
    draft.root.location = root;
    return &draft;
}

LocationDraft* SiteBuilder::add_location(conf::Build& build,
                                         const Location& location,
                                         LocationDraft& parent) {
    Location* const made = build.arena().make<Location>(location);
    if (made == nullptr) {
        return nullptr;
    }
    made->outer = parent.location;
    LocationDraft& draft = locations_.emplace_back();
    draft.location = made;
    parent.children.push_back(&draft);
    return &draft;
}

Location* SiteBuilder::add_nameless(conf::Build& build, conf::Level& level, LocationDraft& outer) {
    Location* const made = build.arena().make<Location>(*outer.location);
    if (made == nullptr) {
        return nullptr;
    }
    made->level = &level;
    made->limited = nullptr;
    made->at = level.block->at;
    LocationDraft& draft = locations_.emplace_back();
    draft.location = made;
    outer.nameless.push_back(&draft);
    level.conf<CoreConf>().draft = &draft;
    return made;
}

void SiteBuilder::freeze(conf::Build& build) {
    std::vector<std::string_view> keys;
    for (ServerDraft& server : servers_) {
        freeze_server(server, build);
        for (const AddressDraft& address : server.addresses) {
            if (std::find(keys.begin(), keys.end(), address.key) == keys.end()) {
                keys.push_back(address.key);
            }
        }
    }
    for (const std::string_view key : keys) {
        freeze_port(build, key);
    }
}

void SiteBuilder::freeze_server(ServerDraft& draft, conf::Build& build) {
    const auto names = build.arena().make_span<std::string_view>(draft.names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        names[i] = draft.names[i].name;
    }
    Server& server = *draft.server;
    server.names = names;
    server.name = names.empty() ? std::string_view("") : names.front();
    if (server.name.starts_with('.')) {
        server.name.remove_prefix(1);  // nginx: ".example.com" is called "example.com"
    }
    server.variable_count = variables.count();
    name_series(build, draft);
    freeze_location(build, draft.root);
}

/// Stable over reloads: a server is known by its first name and address, a location by its
/// pattern and those around it.
void SiteBuilder::name_series(conf::Build& build, ServerDraft& draft) {
    Server& server = *draft.server;
    const std::string_view zone = server.root->level->conf<CoreConf>().status_zone;
    const std::string_view address =
        draft.addresses.empty() ? std::string_view() : draft.addresses.front().key;
    const bool is_named = !server.name.empty() && server.name != "_";
    const std::string name = !zone.empty() ? std::string(zone)
                             : is_named    ? fmt::format("{}@{}", server.name, address)
                                           : std::string(address);
    server.series = metrics::declare_server_series(build, zone, name, server.at);
    for (LocationDraft* const child : draft.root.children) {
        name_series(build, *child, name, {});
    }
}

void SiteBuilder::name_series(conf::Build& build,
                              LocationDraft& draft,
                              std::string_view server,
                              const std::string& outer) {
    Location& location = *draft.location;
    const std::string_view zone = location.level->conf<CoreConf>().status_zone;
    const std::string path =
        fmt::format("{}{}{}{}", outer, outer.empty() ? "" : " ", modifier_of(location.match),
                    location.name);
    location.series = metrics::declare_series(
        build, zone,
        {.id = metrics::kOtherLocations,
         .server = zone.empty() ? server : std::string_view(),
         .location = zone.empty() ? std::string_view(path) : zone,
         .is_location = true},
        location.at);
    share_series(draft);
    for (LocationDraft* const child : draft.children) {
        name_series(build, *child, server, path);
    }
}

/// What has no name is counted with the location around it.
void SiteBuilder::share_series(LocationDraft& draft) {
    for (LocationDraft* const nameless : draft.nameless) {
        nameless->location->series = draft.location->series;
        share_series(*nameless);
    }
}

void SiteBuilder::freeze_location(conf::Build& build, LocationDraft& draft) {
    Location& location = *draft.location;
    location.core = &location.level->conf<CoreConf>();
    location.has_pattern = location.pattern != nullptr ||
                           (location.outer != nullptr && location.outer->has_pattern);
    bind_rules(build, location);
    for (LocationDraft* const nameless : draft.nameless) {
        freeze_location(build, *nameless);
    }
    if (draft.children.empty()) {
        return;
    }
    LocationTreeBuilder tree;
    for (LocationDraft* const child : draft.children) {
        freeze_location(build, *child);
        if (!tree.add(*child->location)) {
            build.error(child->location->at,
                        fmt::format("duplicate location \"{}\"", child->location->name));
        }
    }
    location.children = tree.build(build.arena());
    if (location.children == nullptr) {
        build.error(location.at, "no memory for the locations");
    }
}

void SiteBuilder::bind_rules(conf::Build& build, Location& location) {
    conf::bind_rules<Phase>(build, *location.level, modules_, location.rules);
    for (std::size_t phase = 0; phase < kPhaseCount; ++phase) {
        location.busy_phases |=
            static_cast<std::uint8_t>(location.rules[phase].empty() ? 0U : 1U << phase);
    }
}

void SiteBuilder::freeze_port(conf::Build& build, std::string_view key) {
    std::vector<const ServerDraft*> servers;
    const ServerDraft* chosen = nullptr;
    PortProtocols protocols;
    for (const ServerDraft& server : servers_) {
        const AddressDraft* const address = find_address(server, key);
        if (address == nullptr) {
            continue;
        }
        servers.push_back(&server);
        if (!protocols.add(address->protocols, address->has_options)) {
            build.warn(address->at, fmt::format("protocol options redefined for {}", key));
        }
        if (!address->is_default) {
            continue;
        }
        if (chosen != nullptr) {
            build.error(address->at, fmt::format("a duplicate default server for {}", key));
        }
        chosen = &server;
    }
    Port* const port = build.arena().make<Port>();
    if (port == nullptr) {
        build.error(conf::Position{}, "no memory for the listening addresses");
        return;
    }
    conf::ListenSpec& spec = build.declare_listen(key);
    port->listener = spec.id;
    port->key = spec.key;
    port->has_proxy_header = (protocols.all() & kProxyProtocol) != 0;
    port->default_server = (chosen != nullptr ? chosen : servers.front())->server;
    const auto address = net::Address::parse(spec.key);
    port->number = address ? address->port() : std::uint16_t{0};
    // Built in any case: it finds conflicting names.
    const ServerNames* const names = build_names(build, key, servers);
    port->names = needs_names(servers) ? names : nullptr;
    spec.service = port;
}

SiteBuilder* site_of(conf::Build& build) {
    for (const conf::Level* level = &build.level(); level != nullptr; level = level->parent) {
        if (SiteBuilder* const site = level->conf<CoreConf>().site; site != nullptr) {
            return site;
        }
    }
    return nullptr;
}

conf::Level* open_nameless(conf::Build& build,
                           const conf::Directive& block,
                           conf::Context context,
                           const Location*& location) {
    SiteBuilder* const site = site_of(build);
    void* const outer = build.level().conf<CoreConf>().draft;
    conf::Level& level = build.open_level(context, block);
    CoreConf& core = level.conf<CoreConf>();
    core.site = site;
    if (context == conf::kServerIf) {
        return &level;
    }
    location = site->add_nameless(build, level, *static_cast<LocationDraft*>(outer));
    if (location == nullptr) {
        build.error(block, "no memory for the location");
        return nullptr;
    }
    return &level;
}

}  // namespace sluice::http
