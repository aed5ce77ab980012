// SPDX-License-Identifier: BSD-2-Clause
// limit_conn: how many requests, or sessions of stream, a key may have in progress at a time, over all
// workers. A key's entry has one count for each worker that serves it, named by the worker's slot and the slot's
// epoch: what a killed worker had counted is recognised as a dead one's and forgotten.
// Runs in: any (settings), worker (rule).
#include <cstring>
#include <type_traits>

#include "base/ascii.h"
#include "modules/shared/features.h"
#include "modules/shared/limits.h"
#include "modules/shared/worker_context.h"
#include "proto/http/error_line.h"
#include "proto/http/exchange.h"
#include "proto/http/trace.h"
#include "proto/stream/error_line.h"
#include "proto/stream/session.h"

namespace sluice::modules {

namespace {

/// limit_conn.
struct Limit : LimitUse {
    std::uint64_t most = 0;
    Limit* next = nullptr;
};

struct Limits {
    Limit* first = nullptr;
};

struct LimitConnConf {
    static constexpr shm::ZoneKind kZoneKind{
        .name = "limit_conn",
        .unsaved_because = "its counts are of what is in progress, which ends with the server"};

    LimitZone* zones = nullptr;  ///< of the level of http or stream
    conf::Setting<Limits> limits;
    conf::Setting<LimitStatus> status;
    conf::Setting<LimitLogLevel> log_level;
    conf::Setting<bool> dry_run;
};

// ---- settings ----

bool set_zone(conf::Build& build, const conf::Directive& directive, LimitConnConf& conf) {
    constexpr LimitZoneOption kNone{.prefix = "",
                                    .expectation = "zone=NAME:SIZE or shards=NUMBER"};
    return set_limit_zone(build, directive, LimitConnConf::kZoneKind, kNone, conf.zones);
}

bool set_limit(conf::Build& build, const conf::Directive& directive, LimitConnConf& conf) {
    Limit& limit = *build.arena().make<Limit>();
    limit.zone_name = directive.args[0].text;
    const conf::Argument& number = directive.args[1];
    const std::optional<std::uint64_t> most = parse_decimal(number.text);
    if (!most || *most == 0) {
        return build.error(number,
                           "invalid number of connections \"" + std::string(number.text) + "\"",
                           "a number from 1 to 65535");
    }
    if (*most > 65535) {
        return build.error(number, "connection limit must be less 65536", "a number from 1 to 65535");
    }
    limit.most = *most;
    return add_limit<LimitConnConf>(build, directive, limit, conf.limits.value.first);
}

constexpr conf::ContextMask kWhere = conf::kAnyHttp | stream::kAnyStream;

constexpr conf::Row kRows[] = {
    conf::row_fn<LimitConnConf, &set_zone>(
        "limit_conn_zone", conf::kHttp | conf::kStream, conf::take_range(2, 3),
        "A shared zone that counts requests, or sessions, in progress by key: zone=NAME:SIZE.")
        .repeats(),
    conf::row_fn<&LimitConnConf::limits, &set_limit>(
        "limit_conn", kWhere, conf::take(2),
        "How many requests, or sessions, a key of the zone may have in progress at a time.")
        .repeats(),
    conf::row<&LimitConnConf::status>(
        "limit_conn_status", conf::kAnyHttp, conf::take(1),
        "The status of requests over the limit.")
        .defaults("503").better("429"),
    conf::row<&LimitConnConf::log_level>(
        "limit_conn_log_level", kWhere, conf::take(1),
        "The level of lines about refused requests and sessions.")
        .defaults("error").better("info"),
    conf::row<&LimitConnConf::dry_run>(
        "limit_conn_dry_run", kWhere, conf::flag(),
        "Count and log, but let everyone pass.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<LimitConnConf>("limit_conn", kRows);
constexpr conf::Module kConf{"limit_conn", &kKind};

// ---- counts ----

/// What one worker has in progress for a key.
struct WorkerCount {
    std::uint16_t slot = 0;
    std::uint16_t spare = 0;
    std::uint32_t epoch = 0;
    std::uint64_t count = 0;
};

constexpr std::size_t kMostWorkers = shm::kMaxUpdateBytes / sizeof(WorkerCount);

/// The counts of an entry, while it is changed: a copy without those of dead workers.
class Counts {
  public:
    Counts(const shm::Draft& draft, const net::WorkerContext& worker)
        : own_slot_(worker.slot), own_epoch_(worker.slots.epoch_of(worker.slot)) {
        const std::size_t given = draft.size / sizeof(WorkerCount);
        for (std::size_t i = 0; i < given; ++i) {
            WorkerCount one;
            std::memcpy(&one, draft.bytes.data() + i * sizeof one, sizeof one);
            if (one.count != 0 && worker.slots.is_alive(one.slot, one.epoch)) {
                counts_[size_++] = one;
            }
        }
    }

    [[nodiscard]] std::uint64_t sum() const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            sum += counts_[i].count;
        }
        return sum;
    }

    /// This worker's own, added where it is not there; null where the entry is full.
    WorkerCount* own() {
        for (std::size_t i = 0; i < size_; ++i) {
            if (counts_[i].slot == own_slot_.value) {
                return &counts_[i];
            }
        }
        if (size_ == kMostWorkers) {
            return nullptr;
        }
        counts_[size_] = {.slot = own_slot_.value, .epoch = own_epoch_};
        return &counts_[size_++];
    }

    /// Puts the counts that are not 0 back.
    [[nodiscard]] shm::Decision store(shm::Draft& draft) const {
        draft.size = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            if (counts_[i].count != 0) {
                std::memcpy(draft.bytes.data() + draft.size, &counts_[i], sizeof counts_[i]);
                draft.size += sizeof counts_[i];
            }
        }
        return draft.size == 0 ? shm::Decision::Erase : shm::Decision::Store;
    }

  private:
    SlotId own_slot_;
    std::uint32_t own_epoch_;
    std::size_t size_ = 0;
    std::array<WorkerCount, kMostWorkers> counts_;
};

/// Counts one more of the key. False: that is one too many, and it is not counted.
bool enter(const Limit& limit, std::string_view key, Millis now) {
    bool may_pass = true;
    const auto change = [&](shm::Draft& draft) {
        Counts counts(draft, worker_context());
        WorkerCount* const own = counts.own();
        may_pass = counts.sum() < limit.most;
        if (!may_pass || own == nullptr) {
            return shm::Decision::Leave;
        }
        ++own->count;
        return counts.store(draft);
    };
    static_cast<void>(zone_of(*limit.zone->zone).update(key, now, change));
    return may_pass;
}

void leave(const conf::ZoneSpec& zone, std::string_view key) {
    const auto change = [&](shm::Draft& draft) {
        Counts counts(draft, worker_context());
        WorkerCount* const own = counts.own();
        if (own != nullptr && own->count != 0) {
            --own->count;
        }
        return counts.store(draft);
    };
    static_cast<void>(zone_of(zone).update(key, worker_context().loop.now(), change));
}

// ---- what an exchange or a session holds ----

template <class Subject>
using HoldingOf = std::remove_pointer_t<decltype(Subject::holdings)>;

/// A counted request or session: given back when it ends.
template <class Subject>
struct Place : HoldingOf<Subject> {
    const conf::ZoneSpec* zone = nullptr;
    std::string_view key;
};

template <class Subject>
void give_place_back(HoldingOf<Subject>& held) noexcept {
    const auto& place = static_cast<const Place<Subject>&>(held);
    leave(*place.zone, place.key);
}

/// Gives back what the subject has taken of the limits before the one that refuses it.
template <class Subject>
void give_all_back(Subject& subject) {
    for (HoldingOf<Subject>** at = &subject.holdings; *at != nullptr;) {
        HoldingOf<Subject>& held = **at;
        if (held.release != &give_place_back<Subject>) {
            at = &held.next;
            continue;
        }
        *at = held.next;
        give_place_back<Subject>(held);
    }
}

enum class Entering : std::uint8_t { Passed, NoKey, Refused, NoMemory };

/// Takes a place of one limit for `subject`, which holds it; `key` becomes the limit's for it.
template <class Subject>
Entering take_place(Subject& subject, const Limit& limit, std::string_view& key) {
    const std::string_view rendered = subject.render(limit.zone->key);
    if (rendered.data() == nullptr) {
        return Entering::NoMemory;
    }
    if (rendered.empty() || rendered.size() > shm::kMaxKeyBytes) {
        return Entering::NoKey;
    }
    auto* const place = subject.arena.template make<Place<Subject>>();
    key = subject.arena.copy(rendered);
    if (place == nullptr || key.data() == nullptr) {
        return Entering::NoMemory;
    }
    if (!enter(limit, key, worker_context().loop.now())) {
        return Entering::Refused;
    }
    place->release = &give_place_back<Subject>;
    place->zone = limit.zone->zone;
    place->key = key;
    subject.hold(*place);
    return Entering::Passed;
}

constexpr fmt::format_string<const char*, std::string_view> kRefusal =
    "limiting connections{} by zone \"{}\"";

constexpr const char* kPassed = "PASSED";

const char* log_mark(bool is_dry) {
    return is_dry ? ", dry run" : "";
}

const char* outcome_of(bool is_dry) {
    return is_dry ? "REJECTED_DRY_RUN" : "REJECTED";
}

constexpr std::string_view kStatusSentence =
    "What limit_conn did: PASSED, REJECTED or REJECTED_DRY_RUN.";

// ---- http ----

http::Verdict turn_away(http::Exchange& exchange,
                        const LimitConnConf& conf,
                        const Limit& limit,
                        LimitNote& note) {
    const bool is_dry = *conf.dry_run;
    http::write_error(exchange, conf.log_level->level, kRefusal, log_mark(is_dry), limit.zone_name);
    note.outcome = outcome_of(is_dry);
    give_all_back(exchange);
    return is_dry ? http::Verdict::Declined : refuse(exchange, *conf.status, 1);
}

http::Verdict limit_requests_in_progress(http::Exchange& exchange, const void* settings) {
    const auto& conf = *static_cast<const LimitConnConf*>(settings);
    if (find_note(exchange, LimitKind::Connections) != nullptr) {
        return http::Verdict::Declined;
    }
    for (const Limit* limit = conf.limits->first; limit != nullptr; limit = limit->next) {
        std::string_view key;
        const Entering entering = take_place(exchange, *limit, key);
        if (entering == Entering::NoKey) {
            http::tell(exchange, http::Topic::Limit, limit->at, "no key, no limit");
            continue;
        }
        LimitNote* const note = take_note(exchange, LimitKind::Connections);
        if (note == nullptr || entering == Entering::NoMemory) {
            return exchange.finish(500);
        }
        note->outcome = kPassed;
        if (entering == Entering::Refused) {
            return turn_away(exchange, conf, *limit, *note);
        }
        http::tell(exchange, http::Topic::Limit, limit->at,
                   "key \"{}\" in an empty copy of zone \"{}\": passes", key, limit->zone_name);
    }
    return http::Verdict::Declined;
}

constexpr script::VariableRow kVariables[] = {
    {.name = "limit_conn_status",
     .get = &limit_outcome<LimitKind::Connections>,
     .sentence = kStatusSentence},
};

// ---- stream ----

stream::Verdict limit_sessions(stream::Session& session, const void* settings) {
    const auto& conf = *static_cast<const LimitConnConf*>(settings);
    for (const Limit* limit = conf.limits->first; limit != nullptr; limit = limit->next) {
        std::string_view key;
        switch (take_place(session, *limit, key)) {
            case Entering::NoKey:
                break;
            case Entering::Passed:
                session.limit_note = kPassed;
                break;
            case Entering::NoMemory:
                session.status = stream::kInternalError;
                return stream::Verdict::Decided;
            case Entering::Refused: {
                const bool is_dry = *conf.dry_run;
                stream::write_error(session, conf.log_level->level, kRefusal, log_mark(is_dry),
                                    limit->zone_name);
                session.limit_note = outcome_of(is_dry);
                give_all_back(session);
                session.status = is_dry ? session.status : stream::kUnavailable;
                return is_dry ? stream::Verdict::Declined : stream::Verdict::Decided;
            }
        }
    }
    return stream::Verdict::Declined;
}

stream::BoundRule bind_sessions(stream::Phase phase, conf::Level& level) {
    const LimitConnConf& conf = level.conf<LimitConnConf>();
    if (phase != stream::Phase::Preaccess || conf.limits->first == nullptr) {
        return {};
    }
    return {.run = &limit_sessions, .settings = &conf};
}

script::Value session_outcome(const void* subject, Arena&, std::string_view) {
    const auto* const note =
        static_cast<const char*>(static_cast<const stream::Session*>(subject)->limit_note);
    return note == nullptr ? script::Value::none() : script::Value{note};
}

constexpr script::VariableRow kStreamVariables[] = {
    {.name = "limit_conn_status", .get = &session_outcome, .sentence = kStatusSentence},
};

}  // namespace

constexpr http::Module kLimitConn{
    .name = "limit_conn",
    .conf = &kConf,
    .bind = &bind_limits<LimitConnConf, &limit_requests_in_progress>,
    .variables = kVariables,
    .start_worker = &use_worker_context,
    .stop_worker = nullptr,
};

constexpr stream::Module kStreamLimitConn{
    .name = "limit_conn",
    .conf = &kConf,
    .bind = &bind_sessions,
    .variables = kStreamVariables,
    .start_worker = &use_worker_context,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
