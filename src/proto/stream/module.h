// SPDX-License-Identifier: BSD-2-Clause
// stream::Module: how a feature takes part in `stream`. A module is one file in modules/stream (or
// modules/shared): its configuration rows, and functions bound to each server when a configuration
// is frozen, so that a session only walks short lists of (function, settings) pairs.
// Runs in: any (bind), worker (rules).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "conf/context.h"
#include "conf/module.h"
#include "net/protocol.h"
#include "script/variable.h"

namespace sluice::conf {
struct Level;
class Build;
}  // namespace sluice::conf

namespace sluice::stream {

class Session;

/// `stream` and the servers in it: where nearly every directive of `stream` may stand.
inline constexpr conf::ContextMask kAnyStream = conf::kStream | conf::kStreamServer;

/// In the order in which a session goes through them.
enum class Phase : std::uint8_t {
    PostAccept,  ///< who the client is: realip
    Preaccess,   ///< set, limits
    Access,      ///< who may
    Preread,     ///< looks at the client's first bytes, which stay where they are: ssl_preread
    Content,     ///< takes the session over: proxy_pass, return, pass, echo
    Log,         ///< after the last byte or the abort: access_log, counters
};
inline constexpr std::size_t kPhaseCount = 6;

enum class Verdict : std::uint8_t {
    Declined,  ///< not mine; the next rule
    Decided,   ///< the session is over, Session::status says how
    More,      ///< Preread only: ask again when more bytes have come
    Waiting,   ///< something is awaited; it ends with Session::resume() or Session::end_later()
    Taken,     ///< Content only: a handler has it, and ends it by its wire
};

/// `settings` is the module's configuration at that server.
using RuleFn = Verdict (*)(Session& session, const void* settings);

struct BoundRule {
    RuleFn run = nullptr;
    const void* settings = nullptr;
    bool is_for_bytes = false;  ///< a handler that cannot serve datagrams
};

/// A feature of stream; one constexpr object per file, named in registry.
struct Module {
    std::string_view name;
    const conf::Module* conf = nullptr;  ///< its rows and settings; null: none, or named elsewhere
    /// The rule of this module for `phase` in a server with these settings; run == nullptr: none.
    BoundRule (*bind)(Phase phase, conf::Level& server) = nullptr;
    std::span<const script::VariableRow> variables{};
    /// Called once in each worker after start and before exit; may be null.
    void (*start_worker)(net::WorkerContext& worker) = nullptr;
    void (*stop_worker)() = nullptr;
    /// Called once when the `stream` block has been read, before its levels inherit. May be null.
    void (*complete)(conf::Build& build, conf::Level& block) = nullptr;
};

/// What the registry hands to `stream { }` through conf::FeatureLists. The modules run in this order.
struct Features {
    std::span<const Module* const> modules;
};

}  // namespace sluice::stream
