// SPDX-License-Identifier: BSD-2-Clause
// What limit_req and limit_conn share: the zones that they declare and use, settings of every limit;
// the note that an exchange carries, the refusal.
// Runs in: any (settings), worker.
#pragma once

#include <string_view>
#include <utility>

#include "conf/build.h"
#include "conf/level.h"
#include "conf/row.h"
#include "log/level.h"
#include "modules/shared/zone_argument.h"
#include "proto/http/exchange.h"
#include "proto/http/module.h"
#include "script/template.h"
#include "script/variable.h"

namespace sluice::modules {

// ---- settings ----

/// limit_req_zone, limit_conn_zone: a zone and what the keys of its entries are made of.
struct LimitZone {
    conf::ZoneSpec* zone = nullptr;
    script::Template key;
    std::uint64_t per_second = 1000;  ///< limit_req's rate=, in thousandths of requests
    LimitZone* next = nullptr;
};

/// An option of such a directive beside zone= and shards=.
struct LimitZoneOption {
    std::string_view prefix;  ///< "rate="; empty: there is none
    bool (*parse)(conf::Build& build, const conf::Argument& argument, LimitZone& out) = nullptr;
    std::string_view expectation;  ///< of all options, for the complaint about another one
};

/// Reads the directive and puts what it declares before `zones`; false: an error was reported.
bool set_limit_zone(conf::Build& build,
                    const conf::Directive& directive,
                    const shm::ZoneKind& kind,
                    const LimitZoneOption& option,
                    LimitZone*& zones);

/// limit_req, limit_conn: what both say of a zone. The zone may be declared further down.
struct LimitUse {
    std::string_view zone_name;
    conf::Position at;
    conf::Level* level = nullptr;     ///< where it stands
    const LimitZone* zone = nullptr;  ///< found when frozen
};

/// Finds the zone of a LimitUse. `Conf` has `zones` and the kind of them, `kZoneKind`.
template <class Conf>
void resolve_limit(conf::Build& build, void* object) {
    LimitUse& use = *static_cast<LimitUse*>(object);
    const conf::ZoneSpec* const spec = find_zone(build, use.at, use.zone_name, Conf::kZoneKind);
    for (const conf::Level* at = use.level; at != nullptr && spec != nullptr; at = at->parent) {
        for (const LimitZone* one = at->conf<Conf>().zones; one != nullptr; one = one->next) {
            use.zone = one->zone == spec ? one : use.zone;
        }
    }
    if (spec != nullptr && use.zone == nullptr) {  // declared in http and used in stream, or so
        build.error(use.at,
                    "the shared memory zone \"" + std::string(use.zone_name) +
                        "\" is declared in another block",
                    "a zone of its own for each of http and stream");
    }
}

/// Puts `limit`, whose zone is named, behind those of the same block; each zone once.
/// False: an error was reported.
template <class Conf, class Limit>
bool add_limit(conf::Build& build, const conf::Directive& directive, Limit& limit, Limit*& first) {
    Limit** end = &first;
    for (; *end != nullptr; end = &(*end)->next) {
        if ((*end)->zone_name == limit.zone_name) {
            return build.error(directive,
                               "\"" + std::string(directive.name) + "\" directive is duplicate",
                               "each zone once in a block");
        }
    }
    *end = &limit;
    limit.at = directive.at;
    limit.level = &build.level();
    build.on_frozen(&resolve_limit<Conf>, static_cast<LimitUse*>(&limit));
    return true;
}

/// A directive's argument that is the level of the lines about refused requests.
struct LimitLogLevel {
    log::Level level = log::Level::Error;
};

/// The status of refused requests.
struct LimitStatus {
    std::uint16_t status = 503;
};

// ---- requests ----

enum class LimitKind : std::uint8_t { Requests, Connections };

/// What a limit decided about an exchange, for variables and so that a request counts once however
/// often it is redirected. Lies in the exchange's arena.
struct LimitNote : http::Holding {
    LimitKind kind = LimitKind::Requests;
    std::string_view outcome;  ///< as the variable tells it: "PASSED", "REJECTED_DRY_RUN"
};

/// The exchange's note of that limit, or null.
[[nodiscard]] LimitNote* find_note(const http::Exchange& exchange, LimitKind kind);
/// The note, made where it is not there; null where the arena is full.
[[nodiscard]] LimitNote* take_note(http::Exchange& exchange, LimitKind kind);

/// $limit_req_status, $limit_conn_status.
template <LimitKind kind>
script::Value limit_outcome(const void* subject, Arena&, std::string_view) {
    const LimitNote* const note = find_note(*static_cast<const http::Exchange*>(subject), kind);
    return note == nullptr ? script::Value::none() : script::Value{note->outcome};
}

/// The limit's rule at a level that has limits. `Conf` has them in `limits`.
template <class Conf, http::RuleFn rule>
http::BoundRule bind_limits(http::Phase phase, conf::Level& level) {
    const Conf& conf = level.conf<Conf>();
    if (phase != http::Phase::Preaccess || conf.limits->first == nullptr) {
        return {};
    }
    return {.run = rule, .settings = &conf};
}

/// Refuses: the status, with Retry-After where it is 429 and `retry_after` is known.
[[nodiscard]] http::Verdict refuse(http::Exchange& exchange,
                                   const LimitStatus& status,
                                   std::int64_t retry_after_seconds);

}  // namespace sluice::modules

template <>
struct sluice::conf::ParseAs<sluice::modules::LimitLogLevel> {
    static bool parse(Build& build, const Directive& directive, modules::LimitLogLevel& out);
};

template <>
struct sluice::conf::ParseAs<sluice::modules::LimitStatus> {
    static bool parse(Build& build, const Directive& directive, modules::LimitStatus& out);
};
