// SPDX-License-Identifier: BSD-2-Clause
// http, server, listen, server_name.
// Runs in: any.
#include "proto/http/server_conf.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "conf/generation.h"
#include "conf/listen_address.h"
#include "conf/listen_options.h"
#include "proto/http/site_builder.h"
#include "proto/http/variables.h"
#include "script/dialect.h"

namespace sluice::http {

namespace {

constexpr int kDefaultPort = 80;

struct ListenReading : conf::ListenReading {
    ProtocolBits protocols = kNoProtocols;
};

constexpr std::array<std::string_view, 7> kLaterOptions{
    "ssl", "http2", "http3", "quic", "spdy", "setfib", "accept_filter"};

bool read_option(conf::Build& build, const conf::Argument& argument, ListenReading& out) {
    if (argument.text == "default") {
        out.is_default = true;
        return true;
    }
    if (argument.text == "proxy_protocol") {
        out.protocols |= kProxyProtocol;
        return true;
    }
    const conf::ListenOption read = conf::read_listen_option(build, argument, out);
    if (read == conf::ListenOption::Unknown) {
        return conf::refuse_listen_option(
            build, argument, kLaterOptions,
            "default_server, backlog=, rcvbuf=, sndbuf=, deferred, reuseport, ipv6only=, "
            "so_keepalive=, fastopen= or proxy_protocol");
    }
    return read == conf::ListenOption::Taken;
}

bool add_address(conf::Build& build,
                 const conf::Directive& directive,
                 ServerDraft& server,
                 const std::string& key,
                 const ListenReading& reading) {
    for (const AddressDraft& known : server.addresses) {
        if (known.key == key) {
            return build.error(directive, fmt::format("a duplicate listen {}", key));
        }
    }
    const conf::ListenSpec* const spec = conf::claim_listen(
        build, directive, {.key = key, .protocol = "http", .rival = "stream"}, reading);
    if (spec == nullptr) {
        return false;
    }
    server.addresses.push_back(
        {spec->key, directive.at, reading.is_default, reading.has_options, reading.protocols});
    return true;
}

void add_default_address(conf::Build& build, const conf::Directive& block, ServerDraft& server) {
    static_cast<void>(add_address(build, block, server,
                                  build.facts().is_root() ? "0.0.0.0:80" : "0.0.0.0:8000",
                                  ListenReading{}));
}

// Defaults that need the arena or the prefix: set at the http level, as if they were written there.
void set_computed_defaults(conf::Build& build, CoreConf& core) {
    if (!core.types.is_set) {
        core.types.value = TypeTable::build(default_types(), build.arena());
        core.types.is_set = true;
    }
    if (!core.file_base.is_set) {
        const auto root = script::Template::compile(build.absolute_path("html"), {}, build.arena());
        core.file_base.value.path = root ? *root : script::Template{};
        core.file_base.is_set = true;
    }
    if (build.is_compat() && !core.client_body_temp_path.is_set) {
        build.declare_directory(build.absolute_path("client_body_temp"), {});
    }
}

// HTTP's own variables, the modules' and those that the configuration declares.
script::VariableTable read_variables(conf::Build& build) {
    const auto* const features = static_cast<const Features*>(build.features().http);
    const auto modules =
        features == nullptr ? std::span<const Module* const>{} : features->modules;
    SiteBuilder* const site = site_of(build);
    return script::variable_table(build, core_variables(), connection_variables(), modules,
                                  site == nullptr ? nullptr : &site->variables);
}

constexpr script::Dialect kDialect{.variables = &read_variables};

}  // namespace

bool open_http(conf::Build& build, const conf::Directive& block, CoreConf& core) {
    if (core.site != nullptr) {
        return build.error(block, "\"http\" directive is duplicate");
    }
    const auto* const features = static_cast<const Features*>(build.features().http);
    const std::span<const Module* const> modules =
        features == nullptr ? std::span<const Module* const>{} : features->modules;
    SiteBuilder& site = build.generation().keep(std::make_unique<SiteBuilder>(modules, build.arena()));
    core.site = &site;
    conf::Level& level = build.open_level(conf::kHttp, block);
    CoreConf& own = level.conf<CoreConf>();
    own.site = &site;
    level.dialect = &kDialect;
    build.on_frozen(
        [](conf::Build& at, void* object) { static_cast<SiteBuilder*>(object)->freeze(at); },
        &site);
    const bool is_good = build.run_block(block, level);
    set_computed_defaults(build, own);
    script::complete_block(build, level, modules);
    return script::settle_variables(build, site.variables) && is_good;
}

bool open_server(conf::Build& build, const conf::Directive& block, CoreConf& core) {
    conf::Level& level = build.open_level(conf::kServer, block);
    ServerDraft* const draft = core.site->add_server(build, level);
    if (draft == nullptr) {
        return build.error(block, "no memory for the server");
    }
    draft->server->at = block.at;
    CoreConf& own = level.conf<CoreConf>();
    own.site = core.site;
    own.draft = draft;
    const bool is_good = build.run_block(block, level);
    if (draft->addresses.empty() && is_good) {
        add_default_address(build, block, *draft);
    }
    return is_good;
}

bool set_listen(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    const std::vector<std::string> keys = conf::read_listen_address(build, directive.args[0], kDefaultPort);
    if (keys.empty()) {
        return false;
    }
    ListenReading reading;
    for (const conf::Argument& argument : directive.args.subspan(1)) {
        if (!read_option(build, argument, reading)) {
            return false;
        }
    }
    auto& server = *static_cast<ServerDraft*>(core.draft);
    bool is_good = true;
    for (const std::string& key : keys) {
        is_good = add_address(build, directive, server, key, reading) && is_good;
    }
    return is_good;
}

bool set_server_name(conf::Build& build, const conf::Directive& directive, CoreConf& core) {
    return script::read_server_names(build, directive,
                                     static_cast<ServerDraft*>(core.draft)->names);
}

const Port* find_port(const conf::Generation& generation, ListenerId listener) {
    const conf::ListenSpec* const spec = generation.find_listen(listener);
    const bool is_ours = spec != nullptr && spec->protocol == "http";
    return is_ours ? static_cast<const Port*>(spec->service) : nullptr;
}

}  // namespace sluice::http
