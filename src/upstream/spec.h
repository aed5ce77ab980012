// SPDX-License-Identifier: BSD-2-Clause
// What the configuration says of upstreams: GroupSpec (an `upstream` block, or an address in a
// proxy_pass), its ServerSpecs, ResolverSpec. Immutable once compiled but for `attached`: each
// worker hangs what runs there.
// Runs in: any.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/units.h"
#include "conf/context.h"
#include "conf/level.h"
#include "conf/tree.h"
#include "conf/zone_spec.h"
#include "net/address.h"

namespace sluice::upstream {

class Balancer;
class Group;
class Resolver;
struct CheckSpec;

/// A `resolver` directive, or what /etc/resolv.conf says.
struct ResolverSpec {
    std::span<const net::Address> servers;
    Millis valid{0};  ///< instead of the answers' times to live; 0: those
    bool wants_ipv4 = true;
    bool wants_ipv6 = true;
    std::string_view key;  ///< the same for resolvers that are the same

    /// "name address" of the machine's hosts file; with the default resolver only.
    struct Host {
        std::string_view name;
        net::Address address;
    };

    std::span<const Host> hosts;
    conf::Position at;
    mutable Resolver* attached = nullptr;
};

/// One `server` line.
struct ServerSpec {
    std::string_view name;  ///< as written: "backend.example:8080", "unix:/path"
    std::string_view host;  ///< without the port; empty for "unix:"
    std::uint16_t port = 0;
    std::string_view service;  ///< service=: the name is looked up as SRV; empty: not
    /// Known when the configuration was read; none: the resolver has to say.
    std::span<const net::Address> addresses;
    std::uint32_t weight = 1;
    std::uint32_t max_conns = 0;  ///< 0: no limit
    std::uint32_t max_fails = 1;  ///< 0: failures do not count
    Millis fail_timeout{10'000};
    Millis slow_start{0};
    bool is_backup = false;
    bool is_down = false;
    bool is_resolved = false;  ///< by the worker, again and again
    bool is_retried = false;   ///< by the worker, until it is known: it was not at the start
    conf::Position at;
    ServerSpec* next = nullptr;
};

/// A balancing method, one constexpr object per file in modules/balancer.
struct BalancerKind {
    std::string_view name;
    bool takes_backup = true;
    bool takes_slow_start = true;
    std::unique_ptr<Balancer> (*create)(const void* settings) = nullptr;
};

struct GroupSpec {
    std::string_view name;  ///< of the block; "host:port" where the group is implicit
    bool is_implicit = false;
    conf::Context scope = conf::kMain;  ///< kHttp or kStream
    ServerSpec* servers = nullptr;
    std::uint32_t server_count = 0;
    const BalancerKind* balancer = nullptr;  ///< never null once compiled
    const void* balancer_settings = nullptr;
    std::string_view zone_name;
    conf::ZoneSpec* zone = nullptr;          ///< null: each worker on its own
    const ResolverSpec* resolver = nullptr;  ///< null: nothing to resolve
    Millis resolver_timeout{30'000};
    mutable const CheckSpec* check = nullptr;  ///< active checks, set when frozen; null: none
    conf::Position at;
    conf::Level* level = nullptr;  ///< of the block, or where the address stands
    GroupSpec* next = nullptr;
    /// A worker's running group; null elsewhere.
    mutable Group* attached = nullptr;
};

}  // namespace sluice::upstream
