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

#include "base/ascii.h"
#include "conf/generation.h"
#include "conf/listen_address.h"
#include "conf/listen_options.h"
#include "proto/http/site_builder.h"
#include "proto/http/variables.h"
#include "script/dialect.h"
#include "script/environment.h"

namespace sluice::http {

namespace {

constexpr int kDefaultPort = 80;

struct ListenReading {
    conf::ListenOptions options;
    bool has_options = false;
    bool is_default = false;
    ProtocolBits protocols = kNoProtocols;
};

bool refuse_option(conf::Build& build, const conf::Argument& argument) {
    constexpr std::array<std::string_view, 7> kLater{
        "ssl", "http2", "http3", "quic", "spdy", "setfib", "accept_filter"};
    const std::string_view name = argument.text.substr(0, argument.text.find('='));
    if (std::find(kLater.begin(), kLater.end(), name) != kLater.end()) {
        return build.error(argument,
                           fmt::format("the \"{}\" parameter of \"listen\" is not supported by "
                                       "this version",
                                       name));
    }
    return build.error(
        argument, fmt::format("invalid parameter \"{}\"", argument.text),
        "default_server, backlog=, rcvbuf=, sndbuf=, deferred, reuseport, ipv6only=, "
        "so_keepalive=, fastopen= or proxy_protocol");
}

bool read_listen_option(conf::Build& build, const conf::Argument& argument, ListenReading& out) {
    const std::string_view text = argument.text;
    if (text == "default_server" || text == "default") {
        out.is_default = true;
        return true;
    }
    if (text == "bind") {
        return true;
    }
    if (text == "proxy_protocol") {
        out.protocols |= kProxyProtocol;
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
    conf::ListenSpec& spec = build.declare_listen(key);
    const bool is_first = spec.protocol.empty();
    if (!is_first && spec.protocol != "http") {
        return build.error(directive,
                           fmt::format("{} is listened on by \"stream\" already", key));
    }
    spec.protocol = "http";
    if (is_first) {
        spec.at = directive.at;
    }
    if (reading.has_options) {
        if (spec.options != conf::ListenOptions{}) {
            return build.error(directive, fmt::format("duplicate listen options for {}", key));
        }
        spec.options = reading.options;
    }
    server.addresses.push_back(
        {spec.key, directive.at, reading.is_default, reading.has_options, reading.protocols});
    return true;
}

bool is_valid_name(std::string_view name) {
    const std::size_t star = name.find('*');
    if (name.find('/') != name.npos || name.find("..") != name.npos) {
        return false;
    }
    if (star == name.npos) {
        return name != ".";
    }
    const bool is_leading = star == 0 && name.size() > 2 && name[1] == '.';
    const bool is_trailing = star == name.size() - 1 && name.size() > 2 && name[star - 1] == '.';
    return (is_leading || is_trailing) && name.find('*', star + 1) == name.npos;
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
    const std::size_t count = features == nullptr ? 0 : features->modules.size();
    const auto lists = build.arena().make_span<std::span<const script::VariableRow>>(count + 3);
    if (lists.empty()) {
        return {};
    }
    lists[0] = core_variables();
    lists[1] = connection_variables();
    lists[2] = script::environment_variables();
    for (std::size_t i = 0; i < count; ++i) {
        lists[i + 3] = features->modules[i]->variables;
    }
    SiteBuilder* const site = site_of(build);
    return script::VariableTable(lists, site == nullptr ? nullptr : &site->variables);
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
        if (!read_listen_option(build, argument, reading)) {
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
    auto& server = *static_cast<ServerDraft*>(core.draft);
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
            const std::string_view text = argument.text;
            const std::string name =
                text == "$hostname" ? build.facts().host_name() : std::string(text);
            draft.name = build.arena().copy(lowered(name));
            if (!is_valid_name(draft.name)) {
                return build.error(argument,
                                   fmt::format("invalid server name or wildcard \"{}\"", text),
                                   "a name, *.name, .name, name.* or ~pattern");
            }
        }
        server.names.push_back(draft);
    }
    return true;
}

const Port* find_port(const conf::Generation& generation, ListenerId listener) {
    const conf::ListenSpec* const spec = generation.find_listen(listener);
    const bool is_ours = spec != nullptr && spec->protocol == "http";
    return is_ours ? static_cast<const Port*>(spec->service) : nullptr;
}

}  // namespace sluice::http
