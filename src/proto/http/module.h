// SPDX-License-Identifier: BSD-2-Clause
// http::Module: how a feature takes part in HTTP. A module is one file in modules/http: its
// configuration rows, and functions bound to each location when a configuration is frozen, so that
// a request only walks short lists of (function, settings) pairs.
// Runs in: any (bind), worker (rules).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "conf/module.h"
#include "metrics/section.h"
#include "net/protocol.h"
#include "script/variable.h"

namespace sluice::conf {
struct Level;
class Build;
}  // namespace sluice::conf

namespace sluice::http {

class Exchange;
struct Location;

enum class Phase : std::uint8_t {
    ServerRewrite,  ///< `return`, `rewrite` at server level: before the location is chosen
    Rewrite,        ///< the same inside a location
    Preaccess,      ///< limits
    Access,         ///< who may
    Precontent,     ///< try_files
    Content,        ///< makes the reply: index, autoindex, static file
    Head,           ///< after the reply's head is decided, before it is sent: add_header, expires
    Log,            ///< after the last byte or the abort: access_log, counters
};
inline constexpr std::size_t kPhaseCount = 8;

enum class Verdict : std::uint8_t {
    Declined,    ///< not mine; the next rule
    Decided,     ///< the reply is complete (Exchange::finish, reply.status set)
    Redirected,  ///< uri or location changed: start again at the location search
    Waiting,     ///< a task runs; it ends with exchange.resume_phases()
};

/// A rule that does not wait. `settings` is the module's configuration at that location.
using RuleFn = Verdict (*)(Exchange& exchange, const void* settings);

struct BoundRule {
    RuleFn run = nullptr;
    const void* settings = nullptr;
};

/// A feature of HTTP; one constexpr object per file in modules/http, named in registry.
struct Module {
    std::string_view name;
    const conf::Module* conf = nullptr;  ///< its rows and settings; null: none
    /// The rule of this module for `phase` in a location with these settings; run == nullptr: none,
    /// and then the feature costs a request nothing there.
    BoundRule (*bind)(Phase phase, conf::Level& level) = nullptr;
    std::span<const script::VariableRow> variables{};
    /// Called once in each worker after start (timers, caches) and before exit; may be null.
    void (*start_worker)(net::WorkerContext& worker) = nullptr;
    void (*stop_worker)() = nullptr;
    /// Called once when an `http` block has been read, before its levels inherit: the place for a
    /// default that depends on what was written below. May be null.
    void (*complete)(conf::Build& build, conf::Level& http) = nullptr;
};

/// What the registry hands to `http { }` through conf::CompileOptions::features: a pointer to one
/// constexpr object of this type. The modules run in this order.
struct Features {
    std::span<const Module* const> modules;
    /// The sections of status pages, in their order.
    std::span<const metrics::Section* const> sections{};
};

}  // namespace sluice::http
