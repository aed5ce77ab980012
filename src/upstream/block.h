// SPDX-License-Identifier: BSD-2-Clause
// Directives of upstreams: `upstream NAME { … }` with `server` and `zone`, `resolver`,
// `resolver_timeout`; and TargetUse, the way from a proxy_pass to its group.
// Runs in: any (settings), worker (group()).
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "base/bug.h"
#include "conf/build.h"
#include "conf/module.h"
#include "conf/row.h"
#include "upstream/group.h"
#include "upstream/spec.h"

namespace sluice::upstream {

class Upstreams;

inline constexpr conf::ContextMask kAnyUpstream = conf::kUpstream | conf::kStreamUpstream;

struct TargetUse;

/// The settings of this room at one level.
struct UpstreamConf {
    /// In an `upstream` block: the group that it describes; its balancer's rows fill it.
    GroupSpec* group = nullptr;
    /// What a proxy_pass at this very level names; null: nothing, or variables.
    TargetUse* target = nullptr;
    /// At main: all groups of the generation, and all resolvers.
    GroupSpec* groups = nullptr;

    struct ResolverList {
        const ResolverSpec* spec = nullptr;
        ResolverList* next = nullptr;
    };

    ResolverList* resolvers = nullptr;
    const ResolverSpec* default_resolver = nullptr;  ///< of resolv.conf; made when first needed

    /// At main: the worker's; null elsewhere.
    Upstreams* attached = nullptr;

    conf::Setting<const ResolverSpec*> resolver;
    conf::Setting<Millis> resolver_timeout;
};

extern const conf::Module kUpstreamModule;

/// For the rows of balancers: makes `kind` the balancer of the block that is being read. False: an
/// error was reported.
bool choose_balancer(conf::Build& build,
                     const conf::Directive& directive,
                     const BalancerKind& kind,
                     const void* settings = nullptr);

/// What a proxy_pass without variables names: an `upstream` block, which may stand further down, or
/// an address or host name, which becomes an implicit group.
struct TargetUse {
    std::string_view text;  ///< "backend", "10.0.0.1:8080", "unix:/path"
    conf::Argument at;
    std::optional<std::uint16_t> default_port;  ///< nothing: the port has to be written
    conf::Level* level = nullptr;
    const GroupSpec* spec = nullptr;  ///< known when the configuration is frozen

    /// This worker's group. Needs: a generation that serves.
    [[nodiscard]] Group& group() const { return *spec->attached; }
};

/// Lets `use` find its group when the configuration is frozen. `use` lives as long as the
/// generation; `text` is the part of `argument` that names the target. Errors are reported then.
void use_target(conf::Build& build,
                const conf::Argument& argument,
                std::string_view text,
                std::optional<std::uint16_t> default_port,
                TargetUse& use);

/// For `health_check`: lets `check` hold for the group of the block that is being read, or for the
/// one that a proxy_pass beside it names. Errors are reported when frozen. `check` lives as long as
/// the generation.
void use_check(conf::Build& build, const conf::Directive& directive, const CheckSpec& check);

/// The `upstream` block of that name in the http or stream block around `level`, or null: for names
/// that are known only at run time.
[[nodiscard]] const GroupSpec* find_block(const conf::Level& level, std::string_view name);

/// The resolver that holds at `level`, the machine's where none is configured. Call when frozen,
/// for each level that will need one. Null: `compat nginx` and none is configured.
[[nodiscard]] const ResolverSpec* resolver_of(conf::Build& build, conf::Level& level);

}  // namespace sluice::upstream
