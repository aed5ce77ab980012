// SPDX-License-Identifier: BSD-2-Clause
// Site: the frozen routing tables of one generation: ports, virtual servers, locations. Built once
// after inheritance; only read afterwards.
// Runs in: any (build), worker (lookup).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"
#include "conf/tree.h"
#include "log/rate_limit.h"
#include "proto/http/module.h"

namespace sluice::conf {
struct Level;
class Generation;
}  // namespace sluice::conf

namespace sluice::script {
struct Pattern;
}  // namespace sluice::script

namespace sluice::http {

struct CoreConf;     // core_conf.h: root, alias, types, default_type, error_page, time-outs, …
struct ServerNames;  // router.cpp: exact, wildcard and regex names of one port
struct LocationTree;

enum class Match : std::uint8_t { Root, Exact, Prefix, PrefixNoRegex, Regex, RegexNoCase, Named };

/// As it is written before a location's name, with the space behind it: "^~ ".
[[nodiscard]] std::string_view modifier_of(Match match);

struct Server;

struct Location {
    std::string_view name;  ///< prefix, pattern or "@name"
    Match match = Match::Root;
    conf::Position at;
    conf::Level* level = nullptr;
    const CoreConf* core = nullptr;
    /// Rules of each phase, in registry order.
    std::array<std::span<const BoundRule>, kPhaseCount> rules;
    /// A bit for each Phase that has some, and for Content, which always ends the search: the walk
    /// goes from one to the next without looking at the empty ones.
    std::uint8_t busy_phases = 1U << static_cast<unsigned>(Phase::Content);
    const LocationTree* children = nullptr;  ///< nested locations
    const Server* server = nullptr;
    const Location* limited = nullptr;  ///< limit_except: the settings for other methods
    std::uint32_t allowed_methods = 0;  ///< of limit_except: a bit for each Method
    const Location* outer = nullptr;           ///< the one it is nested in
    const script::Pattern* pattern = nullptr;  ///< of Regex and RegexNoCase
    bool has_pattern = false;                  ///< here or in an outer one
    SeriesId series;  ///< what is counted of its requests; not for Match::Root
};

struct Server {
    std::string_view name;  ///< first server_name ($server_name)
    std::span<const std::string_view> names;
    Location* root = nullptr;  ///< the server's own level: used before a location is chosen
    conf::Position at;
    std::size_t variable_count = 0;  ///< slots of Exchange::variables
    SeriesId series;  ///< what is counted of its requests
    /// For lines about this server's configuration that any client can cause again and again. The
    /// one thing here that changes while requests are served.
    mutable log::RateLimit trouble{Millis(60'000)};
};

/// One listening address: which servers answer on it.
struct Port {
    ListenerId listener;
    const Server* default_server = nullptr;
    const ServerNames* names = nullptr;
    std::uint16_t number = 0;  ///< $server_port; 0 for a Unix socket
    std::string_view key;      ///< "0.0.0.0:80", as log lines name it
    bool has_proxy_header = false;  ///< connections begin with the PROXY protocol's header
};

/// The port that `listener` feeds in this configuration, or null where it is not there (any more).
[[nodiscard]] const Port* find_port(const conf::Generation& generation, ListenerId listener);

/// The server for a lower-case host without port; never null. Where a pattern chose it, `pattern`
/// is that one.
[[nodiscard]] const Server& find_server(const Port& port,
                                        std::string_view host,
                                        const script::Pattern*& pattern);
[[nodiscard]] const Server& find_server(const Port& port, std::string_view host);

}  // namespace sluice::http
