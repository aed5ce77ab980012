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

#include "conf/generation.h"
#include "conf/level.h"
#include "conf/listen_options.h"
#include "proto/stream/core_conf.h"
#include "proto/stream/site_builder.h"
#include "proto/stream/variables.h"
#include "script/dialect.h"

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
    return script::variable_table(build, core_variables(), connection_variables(), modules,
                                  site == nullptr ? nullptr : &site->variables);
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

struct ListenReading : conf::ListenReading {
    bool is_datagram = false;
    bool has_proxy_header = false;
};

constexpr std::array<std::string_view, 3> kLaterOptions{"ssl", "setfib", "accept_filter"};

bool read_option(conf::Build& build, const conf::Argument& argument, ListenReading& out) {
    if (argument.text == "udp") {
        out.is_datagram = true;
        return true;
    }
    if (argument.text == "proxy_protocol") {
        out.has_proxy_header = true;
        return true;
    }
    const conf::ListenOption read = conf::read_listen_option(build, argument, out);
    if (read == conf::ListenOption::Unknown) {
        return conf::refuse_listen_option(
            build, argument, kLaterOptions,
            "udp, default_server, proxy_protocol, bind, backlog=, rcvbuf=, sndbuf=, "
            "reuseport, ipv6only=, so_keepalive= or fastopen=");
    }
    return read == conf::ListenOption::Taken;
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
    const conf::ListenSpec* const spec = conf::claim_listen(
        build, directive,
        {.key = key,
         .protocol = reading.is_datagram ? kDatagramProtocol : kTcpProtocol,
         .rival = "http"},
        reading);
    if (spec == nullptr) {
        return false;
    }
    server.addresses.push_back({.key = spec->key,
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
    return script::read_server_names(build, directive, core.draft->names);
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
