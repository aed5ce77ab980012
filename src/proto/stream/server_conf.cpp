// SPDX-License-Identifier: BSD-2-Clause
// stream, server, listen, server_name and the settings of sessions.
// Runs in: any.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/generation.h"
#include "conf/level.h"
#include "conf/listen_options.h"
#include "proto/stream/core_conf.h"
#include "proto/stream/site_builder.h"
#include "proto/stream/variables.h"
#include "script/dialect.h"
#include "script/environment.h"

namespace sluice::stream {

namespace {

// ---- stream, server ----

SiteBuilder* site_of(conf::Build& build) {
    for (const conf::Level* level = &build.level(); level != nullptr; level = level->parent) {
        if (SiteBuilder* const site = level->conf<CoreConf>().site; site != nullptr) {
            return site;
        }
    }
    return nullptr;
}

// Stream's own variables, the modules' and those that the configuration declares.
script::VariableTable read_variables(conf::Build& build) {
    SiteBuilder* const site = site_of(build);
    const auto modules = site == nullptr ? std::span<const Module* const>{} : site->modules();
    const auto lists =
        build.arena().make_span<std::span<const script::VariableRow>>(modules.size() + 3);
    if (lists.empty()) {
        return {};
    }
    lists[0] = core_variables();
    lists[1] = connection_variables();
    lists[2] = script::environment_variables();
    for (std::size_t i = 0; i < modules.size(); ++i) {
        lists[i + 3] = modules[i]->variables;
    }
    return script::VariableTable(lists, site == nullptr ? nullptr : &site->variables);
}

constexpr script::Dialect kDialect{.variables = &read_variables};

bool open_stream(conf::Build& build, const conf::Directive& block, CoreConf& core) {
    if (core.site != nullptr) {
        return build.error(block, "\"stream\" directive is duplicate");
    }
    const auto* const features = static_cast<const Features*>(build.features().stream);
    const auto modules =
        features == nullptr ? std::span<const Module* const>{} : features->modules;
    SiteBuilder& site =
        build.generation().keep(std::make_unique<SiteBuilder>(modules, build.arena()));
    core.site = &site;
    conf::Level& level = build.open_level(conf::kStream, block);
    level.dialect = &kDialect;
    build.on_frozen(
        [](conf::Build& at, void* object) { static_cast<SiteBuilder*>(object)->freeze(at); },
        &site);
    const bool is_good = build.run_block(block, level);
    script::complete_block(build, level, modules);
    return script::settle_variables(build, site.variables) && is_good;
}

bool open_server(conf::Build& build, const conf::Directive& block, CoreConf&) {
    SiteBuilder& site = *site_of(build);
    conf::Level& level = build.open_level(conf::kStreamServer, block);
    ServerDraft* const draft = site.add_server(build, level);
    if (draft == nullptr) {
        return build.error(block, "no memory for the server");
    }
    draft->server->at = block.at;
    level.conf<CoreConf>().draft = draft;
    const bool is_good = build.run_block(block, level);
    if (draft->addresses.empty() && is_good) {
        return build.error(block, "no \"listen\" is defined for server", "listen address:port;");
    }
    return is_good;
}

// ---- listen ----

struct ListenReading {
    conf::ListenOptions options;
    bool has_options = false;
    bool is_default = false;
    bool is_datagram = false;
    bool has_proxy_header = false;
};

bool refuse_option(conf::Build& build, const conf::Argument& argument) {
    constexpr std::array<std::string_view, 3> kLater{"ssl", "setfib", "accept_filter"};
    const std::string_view name = argument.text.substr(0, argument.text.find('='));
    if (std::ranges::find(kLater, name) != kLater.end()) {
        return build.error(argument, fmt::format("the \"{}\" parameter of \"listen\" is not "
                                                 "supported by this version",
                                                 name));
    }
    return build.error(argument, fmt::format("invalid parameter \"{}\"", argument.text),
                       "udp, default_server, proxy_protocol, bind, backlog=, rcvbuf=, sndbuf=, "
                       "reuseport, ipv6only=, so_keepalive= or fastopen=");
}

bool read_option(conf::Build& build, const conf::Argument& argument, ListenReading& out) {
    struct Flag {
        std::string_view name;
        bool ListenReading::* member;
    };

    constexpr std::array<Flag, 3> kFlags{{{"udp", &ListenReading::is_datagram},
                                          {"default_server", &ListenReading::is_default},
                                          {"proxy_protocol", &ListenReading::has_proxy_header}}};
    const auto flag = std::ranges::find(kFlags, argument.text, &Flag::name);
    if (flag != kFlags.end()) {
        out.*(flag->member) = true;
        return true;
    }
    if (argument.text == "bind") {
        return true;
    }
    switch (conf::read_socket_option(build, argument, out.options)) {
        case conf::SocketOption::Taken:
            out.has_options = true;
            return true;
        case conf::SocketOption::Wrong:
            return false;
        case conf::SocketOption::Unknown:
            break;
    }
    return refuse_option(build, argument);
}

bool check_datagram(conf::Build& build,
                    const conf::Directive& directive,
                    const ListenReading& reading) {
    const conf::ListenOptions defaults;
    const char* const wrong = !reading.is_datagram                           ? nullptr
                              : reading.options.backlog != defaults.backlog ? "backlog"
                              : reading.options.so_keepalive                 ? "so_keepalive"
                              : reading.options.fastopen > 0                 ? "fastopen"
                              : reading.options.deferred                     ? "deferred"
                              : reading.has_proxy_header                     ? "proxy_protocol"
                                                                             : nullptr;
    return wrong == nullptr ||
           build.error(directive, fmt::format("\"{}\" parameter is incompatible with \"udp\"", wrong));
}

bool add_address(conf::Build& build,
                 const conf::Directive& directive,
                 ServerDraft& server,
                 const std::string& key,
                 const ListenReading& reading) {
    if (std::ranges::find(server.addresses, key, &AddressDraft::key) != server.addresses.end()) {
        return build.error(directive, fmt::format("duplicate \"{}\" address and port pair", key));
    }
    const std::string_view protocol = reading.is_datagram ? kDatagramProtocol : kTcpProtocol;
    conf::ListenSpec& spec = build.declare_listen(key);
    if (spec.protocol.empty()) {
        spec.at = directive.at;
    } else if (spec.protocol != protocol) {
        return build.error(directive, fmt::format("{} is listened on by \"http\" already", key));
    }
    spec.protocol = protocol;
    if (reading.has_options) {
        if (spec.options != conf::ListenOptions{}) {
            return build.error(directive, fmt::format("duplicate listen options for {}", key));
        }
        spec.options = reading.options;
    }
    server.addresses.push_back({.key = spec.key,
                                .at = directive.at,
                                .is_default = reading.is_default,
                                .has_proxy_header = reading.has_proxy_header});
    return true;
}

bool set_listen(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    const std::vector<std::string> keys = conf::read_listen_address(build, directive.args[0], 0);
    if (keys.empty()) {
        return false;
    }
    ListenReading reading;
    for (const conf::Argument& argument : directive.args.subspan(1)) {
        if (!read_option(build, argument, reading)) {
            return false;
        }
    }
    if (!check_datagram(build, directive, reading)) {
        return false;
    }
    bool is_good = true;
    for (const std::string& key : keys) {
        const std::string full = reading.is_datagram ? "udp:" + key : key;
        is_good = add_address(build, directive, *core.draft, full, reading) && is_good;
    }
    return is_good;
}

// ---- server_name ----

bool set_server_name(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    for (const conf::Argument& argument : directive.args) {
        NameDraft draft;
        draft.at = argument.at;
        if (argument.text.starts_with('~')) {
            draft.name = argument.text;
            draft.pattern = script::compile_pattern(build, argument, argument.text.substr(1), true);
            if (draft.pattern == nullptr) {
                return false;
            }
        } else {
            const std::string name =
                argument.text == "$hostname" ? build.facts().host_name() : std::string(argument.text);
            draft.name = build.arena().copy(lowered(name));
            script::NameTableBuilder check;
            if (check.add_host(draft.name, 0) == script::NameTableBuilder::Outcome::Malformed) {
                return build.error(argument,
                                   fmt::format("invalid server name or wildcard \"{}\"",
                                               argument.text),
                                   "a name, *.name, .name, name.* or ~pattern");
            }
        }
        core.draft->names.push_back(draft);
    }
    return true;
}

bool set_status_zone(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    core.status_zone = directive.args[0].text;
    return !core.status_zone.empty() ||
           build.invalid(directive, directive.args[0], "a name, or off");
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::block<CoreConf, &open_stream>("stream", conf::kMain, conf::take(0),
        "Everything about serving and relaying TCP connections and UDP datagrams as they are."),
    conf::block<CoreConf, &open_server>("server", conf::kStream, conf::take(0),
        "One service: where it listens and what it does with who comes."),
    conf::row_fn<CoreConf, &set_listen>("listen", conf::kStreamServer, conf::take_at_least(1),
        "Address and port, or unix:path, and its options: udp, proxy_protocol, reuseport …").repeats(),
    conf::row_fn<CoreConf, &set_server_name>("server_name", conf::kStreamServer, conf::take_at_least(1),
        "Names by which a client that asks for one (ssl_preread) chooses among servers of one address.").repeats(),
    conf::row_fn<CoreConf, &set_status_zone>("status_zone", conf::kStreamServer, conf::take(1),
        "Name under which status pages count this server; several may share one; off counts nothing."),
    conf::row<&CoreConf::preread_buffer_size>("preread_buffer_size", kAnyStream, conf::take(1),
        "Most bytes of a client that are looked at before its session is decided.").defaults("16k"),
    conf::row<&CoreConf::preread_timeout>("preread_timeout", kAnyStream, conf::take(1),
        "How long those first bytes are waited for.").defaults("30s"),
    conf::row<&CoreConf::proxy_protocol_timeout>("proxy_protocol_timeout", kAnyStream, conf::take(1),
        "How long the header of the PROXY protocol is waited for.").defaults("30s"),
    conf::row<&CoreConf::tcp_nodelay>("tcp_nodelay", kAnyStream, conf::flag(),
        "Send small packets at once, to clients and to peers.").defaults("on"),
};
// clang-format on
constexpr conf::ConfKind kKind = conf::kind<CoreConf>("stream core", kRows);

}  // namespace

constexpr conf::Module kCoreModule{"stream core", &kKind};

}  // namespace sluice::stream
