// SPDX-License-Identifier: BSD-2-Clause
// The rows of this room, and how groups are completed when everything has been read.
// Runs in: any.
#include "upstream/block.h"

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "conf/generation.h"
#include "conf/parse_as.h"
#include "upstream/check_spec.h"
#include "upstream/endpoint.h"
#include "upstream/peer_store.h"
#include "upstream/resolver_conf.h"
#include "upstream/round_robin.h"
#include "upstream/server_line.h"

namespace sluice::upstream {

namespace {

/// The http or stream block around `level`, or main.
const conf::Level& scope_of(const conf::Level& level) {
    const conf::Level* at = &level;
    while (at->parent != nullptr && at->context != conf::kHttp && at->context != conf::kStream) {
        at = at->parent;
    }
    return *at;
}

UpstreamConf& main_conf(conf::Build& build) {
    return build.generation().main_level().conf<UpstreamConf>();
}

void append(UpstreamConf& main, GroupSpec& group) {
    GroupSpec** end = &main.groups;
    while (*end != nullptr) {
        end = &(*end)->next;
    }
    *end = &group;
}

std::string place_of(conf::Build& build, conf::Position at) {
    return std::string(build.generation().tree().files[at.file].path) + ":" +
           std::to_string(at.line);
}

// ---- completing ----

bool complete_zone(conf::Build& build, GroupSpec& group) {
    if (group.zone_name.empty() || group.zone != nullptr) {
        return true;
    }
    group.zone = build.find_zone(group.zone_name);
    if (group.zone == nullptr || group.zone->use.kind != kUpstreamZone.name) {
        return build.error(group.at,
                           "zero size shared memory zone \"" + std::string(group.zone_name) + "\"",
                           "zone NAME SIZE in one of the upstreams that share it");
    }
    return true;
}

bool has_server(const GroupSpec& group, bool ServerSpec::* what) {
    for (const ServerSpec* server = group.servers; server != nullptr; server = server->next) {
        if (server->*what) {
            return true;
        }
    }
    return false;
}

/// What nginx asks of groups whose names are resolved while serving.
bool check_resolved(conf::Build& build, const GroupSpec& group) {
    const std::string where =
        "upstream \"" + std::string(group.name) + "\" in " + place_of(build, group.at);
    if (!has_server(group, &ServerSpec::is_resolved) || !build.is_compat()) {
        return true;
    }
    if (group.zone_name.empty()) {
        return build.error(
            group.at, "resolving names at run time requires " + where + " to be in shared memory",
            "zone NAME SIZE in the upstream block");
    }
    return group.resolver != nullptr ||
           build.error(group.at, "no resolver defined to resolve names at run time in " + where,
                       "a resolver directive");
}

bool complete_group(conf::Build& build, GroupSpec& group) {
    const UpstreamConf& conf = group.level->conf<UpstreamConf>();
    group.balancer = group.balancer != nullptr ? group.balancer : &kRoundRobin;
    group.resolver = conf.resolver.value;
    group.resolver_timeout = *conf.resolver_timeout;
    if (!complete_zone(build, group) || !check_resolved(build, group)) {
        return false;
    }
    for (ServerSpec* server = group.servers; server != nullptr; server = server->next) {
        if (!find_addresses(build, group, *server)) {
            return false;
        }
    }
    const bool needs_resolver =
        has_server(group, &ServerSpec::is_resolved) || has_server(group, &ServerSpec::is_retried);
    if (needs_resolver && group.resolver == nullptr) {
        group.resolver = machine_resolver(build);
    }
    return true;
}

// ---- upstream { } ----

bool set_upstream(conf::Build& build, const conf::Directive& directive, UpstreamConf& /*conf*/) {
    const conf::Argument& name = directive.args[0];
    const bool is_stream = build.level().context == conf::kStream;
    if (const GroupSpec* const other = find_block(build.level(), name.text); other != nullptr) {
        return build.error(name, "duplicate upstream \"" + std::string(name.text) + "\"",
                           "another name: this one is in " + place_of(build, other->at));
    }
    GroupSpec& group = *build.arena().make<GroupSpec>();
    group.name = name.text;
    group.scope = is_stream ? conf::kStream : conf::kHttp;
    group.at = directive.at;
    conf::Level& level =
        build.open_level(is_stream ? conf::kStreamUpstream : conf::kUpstream, directive);
    group.level = &level;
    level.conf<UpstreamConf>().group = &group;
    append(main_conf(build), group);
    if (!build.run_block(directive, level)) {
        return false;
    }
    if (group.servers == nullptr) {
        return build.error(directive, "no servers are inside upstream", "a server line");
    }
    build.on_frozen(
        [](conf::Build& at_end, void* object) {
            static_cast<void>(complete_group(at_end, *static_cast<GroupSpec*>(object)));
        },
        &group);
    return true;
}

bool set_server(conf::Build& build, const conf::Directive& directive, UpstreamConf& conf) {
    GroupSpec& group = *conf.group;
    ServerSpec& server = *build.arena().make<ServerSpec>();
    if (!parse_server_line(build, directive, group, server)) {
        return false;
    }
    ServerSpec** end = &group.servers;
    while (*end != nullptr) {
        end = &(*end)->next;
    }
    *end = &server;
    ++group.server_count;
    return true;
}

bool set_zone(conf::Build& build, const conf::Directive& directive, UpstreamConf& conf) {
    GroupSpec& group = *conf.group;
    group.zone_name = directive.args[0].text;
    if (group.zone_name.empty()) {
        return build.error(directive.args[0], "invalid zone name \"\"", "zone NAME SIZE");
    }
    if (directive.args.size() == 1) {
        return true;  // another block says how large; found when frozen
    }
    const conf::Argument& argument = directive.args[1];
    const auto size = conf::parse_size(argument.text);
    if (!size) {
        return build.error(argument, "invalid zone size \"" + std::string(argument.text) + "\"",
                           "a size such as 64k");
    }
    if (size->count < shm::kMinZoneBytes) {
        return build.error(argument, "zone \"" + std::string(group.zone_name) + "\" is too small",
                           "at least 32k");
    }
    const std::uint64_t bytes = zone_bytes_for(size->count);
    conf::ZoneSpec* const known = build.find_zone(group.zone_name);
    if (known != nullptr && known->use.kind == kUpstreamZone.name) {
        if (known->bytes != bytes) {
            return build.error(argument,
                               "the size " + std::to_string(size->count) +
                                   " of shared memory zone \"" + std::string(group.zone_name) +
                                   "\" conflicts with already declared size",
                               "the size of " + place_of(build, known->at) + ", or none");
        }
        group.zone = known;
        return true;
    }
    group.zone = build.declare_zone({.name = group.zone_name,
                                     .use = {.kind = kUpstreamZone.name,
                                             .layout = kUpstreamZone.layout,
                                             .cell_bytes = kUpstreamZone.cell_bytes},
                                     .bytes = bytes,
                                     .shards = 1,
                                     .keys = "peers",
                                     .directive = directive.name,
                                     .at = directive.at});
    return group.zone != nullptr;
}

constexpr conf::ContextMask kAnywhere =
    conf::kAnyHttp | conf::kStream | conf::kStreamServer | kAnyUpstream;

constexpr conf::Arity kNamedBlock{.least = 1, .most = 1, .is_flag = false, .has_block = true};

constexpr conf::Row kRows[] = {
    conf::row_fn<UpstreamConf, &set_upstream>(
        "upstream",
        conf::kHttp | conf::kStream,
        kNamedBlock,
        "A group of servers that proxy_pass can name, and how one of them is chosen.")
        .repeats(),
    conf::row_fn<UpstreamConf, &set_server>(
        "server",
        kAnyUpstream,
        conf::take_at_least(1),
        "A server of the group: HOST:PORT or unix:PATH, then weight=, max_conns=, max_fails=, "
        "fail_timeout=, slow_start=, backup, down, resolve, service=.")
        .repeats(),
    conf::row_fn<UpstreamConf, &set_zone>(
        "zone",
        kAnyUpstream,
        conf::take_range(1, 2),
        "Shared memory in which all workers keep one state of the group's servers: NAME SIZE."),
    conf::row<&UpstreamConf::resolver>("resolver",
                                       kAnywhere,
                                       conf::take_at_least(1),
                                       "Name servers for names that are looked up while serving: "
                                       "ADDRESS[:PORT] …, then valid=TIME, "
                                       "ipv4=off, ipv6=off. Without it those of /etc/resolv.conf."),
    conf::row<&UpstreamConf::resolver_timeout>(
        "resolver_timeout", kAnywhere, conf::take(1), "How long a name server may take to answer.")
        .defaults("30s"),
};
constexpr conf::ConfKind kKind = conf::kind<UpstreamConf>("upstream", kRows);

// ---- targets ----

/// The implicit group for an address or name: one for each text in a scope.
GroupSpec* implicit_group(conf::Build& build, const TargetUse& use, const Endpoint& endpoint) {
    const conf::Context scope =
        scope_of(*use.level).context == conf::kStream ? conf::kStream : conf::kHttp;
    const UpstreamConf& conf = use.level->conf<UpstreamConf>();
    const std::uint16_t port = endpoint.port.value_or(use.default_port.value_or(0));
    for (GroupSpec* at = main_conf(build).groups; at != nullptr; at = at->next) {
        if (at->is_implicit && at->scope == scope && at->name == use.text &&
            at->servers->port == port) {
            return at;
        }
    }
    GroupSpec& group = *build.arena().make<GroupSpec>();
    ServerSpec& server = *build.arena().make<ServerSpec>();
    server.name = group.name = use.text;
    server.at = group.at = use.at.at;
    server.host = endpoint.host;
    server.port = port;
    group.is_implicit = true;
    group.scope = scope;
    group.servers = &server;
    group.server_count = 1;
    group.balancer = &kRoundRobin;
    group.level = use.level;
    group.resolver = conf.resolver.value;
    group.resolver_timeout = *conf.resolver_timeout;
    if (const auto address = endpoint.address(port)) {
        const std::span<net::Address> kept = build.arena().make_span<net::Address>(1);
        kept[0] = *address;
        server.addresses = kept;
    } else if (!find_addresses(build, group, server)) {
        return nullptr;
    }
    if (server.is_retried && group.resolver == nullptr) {
        group.resolver = machine_resolver(build);
    }
    append(main_conf(build), group);
    return &group;
}

bool refuse_target(conf::Build& build,
                   const TargetUse& use,
                   std::string_view problem,
                   std::string expectation) {
    return build.error(use.at,
                       std::string(problem) + " in upstream \"" + std::string(use.text) + "\"",
                       std::move(expectation));
}

void find_target(conf::Build& build, void* object) {
    TargetUse& use = *static_cast<TargetUse*>(object);
    if (const GroupSpec* const block = find_block(*use.level, use.text); block != nullptr) {
        use.spec = block;
        return;
    }
    const auto endpoint = parse_endpoint(use.text);
    if (!endpoint) {
        refuse_target(build, use, endpoint.error(), "an upstream's name, HOST:PORT or unix:PATH");
        return;
    }
    if (endpoint->port && !endpoint->is_literal) {
        const GroupSpec* const block = find_block(*use.level, endpoint->host);
        if (block != nullptr) {
            build.error(use.at,
                        "upstream \"" + std::string(endpoint->host) + "\" may not have port " +
                            std::to_string(*endpoint->port),
                        "the upstream's name alone");
            return;
        }
    }
    if (!endpoint->port && !endpoint->is_unix && !use.default_port) {
        refuse_target(build, use, "no port", "HOST:PORT, or the name of an upstream block");
        return;
    }
    use.spec = implicit_group(build, use, *endpoint);
}

// ---- checks ----

struct CheckUse {
    const conf::Directive* directive = nullptr;
    conf::Level* level = nullptr;
    const CheckSpec* check = nullptr;
};

void attach_check(conf::Build& build, void* object) {
    const CheckUse& use = *static_cast<CheckUse*>(object);
    const UpstreamConf& conf = use.level->conf<UpstreamConf>();
    const GroupSpec* group = conf.group;
    if (group == nullptr && conf.target != nullptr) {
        group = conf.target->spec;
    }
    if (group == nullptr) {
        build.error(*use.directive, "\"health_check\" has nothing to check",
                    "it beside a proxy_pass without variables, or in an upstream block");
        return;
    }
    if (group->check != nullptr) {
        build.error(*use.directive,
                    "upstream \"" + std::string(group->name) + "\" has a health_check already",
                    "one: another is in " + place_of(build, group->check->at));
        return;
    }
    group->check = use.check;
}

}  // namespace

constexpr conf::Module kUpstreamModule{"upstream", &kKind};

bool choose_balancer(conf::Build& build,
                     const conf::Directive& directive,
                     const BalancerKind& kind,
                     const void* settings) {
    GroupSpec& group = *build.level().conf<UpstreamConf>().group;
    if (group.balancer != nullptr) {
        build.warn(directive.at, "load balancing method redefined");
    }
    group.balancer = &kind;
    group.balancer_settings = settings;
    return true;
}

void use_target(conf::Build& build,
                const conf::Argument& argument,
                std::string_view text,
                std::optional<std::uint16_t> default_port,
                TargetUse& use) {
    use.text = text;
    use.at = argument;
    use.default_port = default_port;
    use.level = &build.level();
    build.level().conf<UpstreamConf>().target = &use;
    build.on_frozen(&find_target, &use);
}

void use_check(conf::Build& build, const conf::Directive& directive, const CheckSpec& check) {
    CheckUse& use = *build.arena().make<CheckUse>(&directive, &build.level(), &check);
    // Twice put off: by then every proxy_pass has found its group.
    build.on_frozen(
        [](conf::Build& at_end, void* object) { at_end.on_frozen(&attach_check, object); }, &use);
}

const GroupSpec* find_block(const conf::Level& level, std::string_view name) {
    const conf::Level& scope = scope_of(level);
    const conf::Level* main = &scope;
    while (main->parent != nullptr) {
        main = main->parent;
    }
    for (const GroupSpec* at = main->conf<UpstreamConf>().groups; at != nullptr; at = at->next) {
        if (!at->is_implicit && at->scope == scope.context &&
            equals_ignoring_case(at->name, name)) {
            return at;
        }
    }
    return nullptr;
}

const ResolverSpec* resolver_of(conf::Build& build, conf::Level& level) {
    const UpstreamConf& conf = level.conf<UpstreamConf>();
    if (conf.resolver.value != nullptr) {
        return conf.resolver.value;
    }
    return build.is_compat() ? nullptr : machine_resolver(build);
}

}  // namespace sluice::upstream
