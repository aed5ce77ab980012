// SPDX-License-Identifier: BSD-2-Clause
// limit_req: how many requests a second a key may make, over all workers. A leaky bucket per key in
// a shared zone: what comes faster than `rate` waits while the bucket holds at most `burst`, and is
// refused beyond.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "base/ascii.h"
#include "modules/shared/features.h"
#include "modules/shared/limits.h"
#include "modules/shared/worker_context.h"
#include "proto/http/error_line.h"
#include "proto/http/exchange.h"
#include "proto/http/trace.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

/// What the zone keeps for a key. The time is told by the entry's expiry, which a file of the zone
/// brings from one run of the server to the next, and one boot to another.
struct Bucket {
    std::int64_t excess = 0;  ///< thousandths of requests above the rate
    std::int64_t kept = 0;    ///< milliseconds from the last request that counted to the expiry
};

/// limit_req.
struct Limit : LimitUse {
    std::int64_t burst = 0;  ///< thousandths of requests
    std::int64_t delay = 0;  ///< thousandths of requests that wait for nothing
    Limit* next = nullptr;
};

struct Limits {
    Limit* first = nullptr;
};

struct LimitReqConf {
    static constexpr shm::ZoneKind kZoneKind{.name = "limit_req", .layout = 2};

    LimitZone* zones = nullptr;  ///< of the http level
    conf::Setting<Limits> limits;
    conf::Setting<LimitStatus> status;
    conf::Setting<LimitLogLevel> log_level;
    conf::Setting<bool> dry_run;
};

// ---- settings ----

bool parse_rate(conf::Build& build, const conf::Argument& argument, LimitZone& out) {
    std::string_view text = argument.text.substr(std::string_view("rate=").size());
    std::uint64_t scale = 1;
    if (text.ends_with("r/m")) {
        scale = 60;
    }
    if (text.ends_with("r/s") || text.ends_with("r/m")) {
        text.remove_suffix(3);
    }
    const std::optional<std::uint64_t> rate = parse_decimal(text);
    if (!rate || *rate == 0 || *rate > std::numeric_limits<std::uint32_t>::max()) {
        return build.error(argument, "invalid rate \"" + std::string(argument.text) + "\"",
                           "rate=NUMBERr/s or rate=NUMBERr/m");
    }
    out.per_second = std::max<std::uint64_t>(1, *rate * 1000 / scale);
    return true;
}

bool set_zone(conf::Build& build, const conf::Directive& directive, LimitReqConf& conf) {
    constexpr LimitZoneOption kRate{
        .prefix = "rate=",
        .parse = &parse_rate,
        .expectation = "zone=NAME:SIZE, rate=RATE or shards=NUMBER"};
    return set_limit_zone(build, directive, LimitReqConf::kZoneKind, kRate, conf.zones);
}

bool parse_count(conf::Build& build,
                 const conf::Argument& argument,
                 std::string_view name,
                 std::int64_t& out) {
    const std::optional<std::uint64_t> count = parse_decimal(argument.text.substr(name.size() + 1));
    if (!count || *count == 0 || *count > std::numeric_limits<std::uint32_t>::max()) {
        return build.error(argument,
                           "invalid " + std::string(name) + " value \"" +
                               std::string(argument.text) + "\"",
                           "a number of requests from 1");
    }
    out = static_cast<std::int64_t>(*count) * 1000;
    return true;
}

bool set_limit(conf::Build& build, const conf::Directive& directive, LimitReqConf& conf) {
    Limit& limit = *build.arena().make<Limit>();
    for (const conf::Argument& argument : directive.args) {
        if (argument.text.starts_with("zone=")) {
            limit.zone_name = argument.text.substr(5);
        } else if (argument.text == "nodelay") {
            limit.delay = std::numeric_limits<std::int64_t>::max() / 1000;
        } else if (argument.text.starts_with("burst=")) {
            if (!parse_count(build, argument, "burst", limit.burst)) {
                return false;
            }
        } else if (argument.text.starts_with("delay=")) {
            if (!parse_count(build, argument, "delay", limit.delay)) {
                return false;
            }
        } else {
            return build.error(argument,
                               "invalid parameter \"" + std::string(argument.text) + "\"",
                               "zone=NAME, burst=NUMBER, delay=NUMBER or nodelay");
        }
    }
    if (limit.zone_name.empty()) {
        return build.error(directive, "\"limit_req\" must have \"zone\" parameter", "zone=NAME");
    }
    return add_limit<LimitReqConf>(build, directive, limit, conf.limits.value.first);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<LimitReqConf, &set_zone>(
        "limit_req_zone", conf::kHttp, conf::take_range(3, 4),
        "A shared zone that counts requests by key: zone=NAME:SIZE and rate=NUMBERr/s or r/m.")
        .repeats(),
    conf::row_fn<&LimitReqConf::limits, &set_limit>(
        "limit_req", conf::kAnyHttp, conf::take_range(1, 3),
        "Limit requests by zone=NAME; burst=NUMBER may wait, nodelay or delay=NUMBER of them not.")
        .repeats(),
    conf::row<&LimitReqConf::status>(
        "limit_req_status", conf::kAnyHttp, conf::take(1),
        "The status of requests over the limit; 429 comes with Retry-After.")
        .defaults("503").better("429"),
    conf::row<&LimitReqConf::log_level>(
        "limit_req_log_level", conf::kAnyHttp, conf::take(1),
        "The level of lines about refused requests; delayed ones are told one level below.")
        .defaults("error").better("info"),
    conf::row<&LimitReqConf::dry_run>(
        "limit_req_dry_run", conf::kAnyHttp, conf::flag(),
        "Count and log, but let every request pass.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<LimitReqConf>("limit_req", kRows);
constexpr conf::Module kConf{"limit_req", &kKind};

// ---- the bucket ----

/// What the buckets said of one request.
struct Judgement {
    bool is_asked = false;    ///< some limit had a key
    bool is_refused = false;
    bool is_out_of_memory = false;
    std::int64_t excess = 0;  ///< thousandths, of the limit that decides
    const Limit* limit = nullptr;
    Millis delay{0};
};

/// Sums of numbers from the zone, which another process may have spoilt, cannot overflow.
constexpr std::int64_t kMostExcess = std::int64_t{1} << 53;

/// The bucket's excess when one more request comes at `now`. Clocks of workers may differ by a turn.
std::int64_t excess_at(std::int64_t excess, Millis last, std::int64_t per_second, Millis now) {
    std::int64_t passed = (now - last).count();
    if (passed < 0) {
        passed = passed < -60'000 ? 1 : 0;
    }
    const std::int64_t held = std::clamp<std::int64_t>(excess, 0, kMostExcess);
    // A bucket that was left alone this long is empty.
    passed = std::min(passed, (held + 1000) * 1000 / per_second + 1);
    return std::max<std::int64_t>(0, held - per_second * passed / 1000 + 1000);
}

/// Lets one request into the key's bucket, or only looks. A zone that is busy or full lets it pass.
std::int64_t pour(const Limit& limit, std::string_view key, Millis now, bool is_counted) {
    const auto per_second = static_cast<std::int64_t>(limit.zone->per_second);
    std::int64_t excess = 0;
    const auto change = [&](shm::Draft& draft) {
        Bucket bucket;
        Millis last = now;
        if (!draft.is_new && draft.size == sizeof bucket) {
            std::memcpy(&bucket, draft.bytes.data(), sizeof bucket);
            last = draft.expires - Millis(std::clamp<std::int64_t>(bucket.kept, 0, kMostExcess));
            excess = excess_at(bucket.excess, last, per_second, now);
        }
        if (excess > limit.burst || !is_counted) {
            return shm::Decision::Leave;
        }
        // Empty again by then: nothing is lost with it.
        bucket = {.excess = excess, .kept = (excess + 1000) * 1000 / per_second + 1000};
        std::memcpy(draft.bytes.data(), &bucket, sizeof bucket);
        draft.size = sizeof bucket;
        draft.expires = std::max(last, now) + Millis(bucket.kept);
        return shm::Decision::Store;
    };
    static_cast<void>(zone_of(*limit.zone->zone).update(key, now, change));
    return excess;
}

Millis wait_for(const Limit& limit, std::int64_t excess) {
    if (excess <= limit.delay) {
        return Millis(0);
    }
    return Millis((excess - limit.delay) * 1000 /
                  static_cast<std::int64_t>(limit.zone->per_second));
}

/// Asks every limit, and counts the request where `is_counted`. True: none refuses.
bool ask(Exchange& exchange, const Limits& limits, Millis now, bool is_counted, Judgement& out) {
    for (const Limit* limit = limits.first; limit != nullptr; limit = limit->next) {
        const std::string_view key = exchange.render(limit->zone->key);
        out.is_out_of_memory = out.is_out_of_memory || key.data() == nullptr;
        if (key.empty() || key.size() > shm::kMaxKeyBytes) {
            if (is_counted) {
                http::tell(exchange, http::Topic::Limit, limit->at, "no key, no limit");
            }
            continue;
        }
        out.is_asked = true;
        const std::int64_t excess = pour(*limit, key, now, is_counted);
        if (is_counted) {
            http::tell(exchange, http::Topic::Limit, limit->at,
                       "key \"{}\" in an empty copy of zone \"{}\": {}", key, limit->zone_name,
                       excess > limit->burst ? "refused" : "passes");
        }
        out.is_refused = excess > limit->burst;
        const Millis wait = is_counted ? wait_for(*limit, excess) : Millis(0);
        if (out.is_refused || wait > out.delay) {
            out.excess = excess;
            out.limit = limit;
            out.delay = wait;
        }
        if (out.is_refused) {
            return false;
        }
    }
    return true;
}

/// Asks every limit, and only if none refuses counts the request in all of them.
Judgement judge(Exchange& exchange, const Limits& limits, Millis now) {
    Judgement out;
    // One limit alone is asked and counted in one step.
    if (limits.first->next == nullptr || ask(exchange, limits, now, false, out)) {
        static_cast<void>(ask(exchange, limits, now, true, out));
    }
    return out;
}

// ---- the rule ----

/// A request that waits for its turn. Lies in the exchange's arena.
struct Delay : event::Timer, http::Holding {
    Exchange* exchange = nullptr;
};

Verdict wait_in_line(Exchange& exchange, Millis delay) {
    // No destructor runs: giving the holding back takes the timer out.
    void* const place = exchange.arena.allocate(sizeof(Delay), alignof(Delay));
    if (place == nullptr) {
        return exchange.finish(500);
    }
    auto* const waiting = ::new (place) Delay;
    waiting->exchange = &exchange;
    waiting->release = [](http::Holding& held) noexcept {
        event::TimerWheel::disarm(static_cast<Delay&>(held));
    };
    waiting->fire = [](event::Timer& timer) {
        Exchange& delayed = *static_cast<Delay&>(timer).exchange;
        delayed.is_delayed = false;
        delayed.timings.now = worker_context().loop.now();  // $request_time tells the wait
        delayed.resume_phases();
    };
    exchange.hold(*waiting);
    exchange.is_delayed = true;
    worker_context().loop.arm(*waiting, delay);
    return Verdict::Waiting;
}

void tell(const Exchange& exchange,
          const LimitReqConf& conf,
          const Judgement& judged,
          log::Level level) {
    const char* const dry = *conf.dry_run ? ", dry run" : "";
    if (judged.is_refused) {
        return http::write_error(exchange, level,
                                 "limiting requests{}, excess: {}.{:03} by zone \"{}\"", dry,
                                 judged.excess / 1000, judged.excess % 1000,
                                 judged.limit->zone_name);
    }
    http::write_error(exchange, level, "delaying request{}, excess: {}.{:03}, by zone \"{}\"", dry,
                      judged.excess / 1000, judged.excess % 1000, judged.limit->zone_name);
}

Verdict limit_requests(Exchange& exchange, const void* settings) {
    const auto& conf = *static_cast<const LimitReqConf*>(settings);
    if (find_note(exchange, LimitKind::Requests) != nullptr) {
        return Verdict::Declined;
    }
    const Judgement judged = judge(exchange, *conf.limits, worker_context().loop.now());
    if (!judged.is_asked && !judged.is_out_of_memory) {
        return Verdict::Declined;
    }
    LimitNote* const note = take_note(exchange, LimitKind::Requests);
    if (note == nullptr || judged.is_out_of_memory) {
        return exchange.finish(500);
    }
    const bool is_dry = *conf.dry_run;
    if (judged.is_refused) {
        tell(exchange, conf, judged, conf.log_level->level);
        note->outcome = is_dry ? "REJECTED_DRY_RUN" : "REJECTED";
        const auto rate = static_cast<std::int64_t>(judged.limit->zone->per_second);
        const std::int64_t over = judged.excess - judged.limit->burst;
        return is_dry ? Verdict::Declined
                      : refuse(exchange, *conf.status, (over + rate - 1) / rate);
    }
    if (judged.delay.count() > 0) {
        const log::Level level = conf.log_level->level;
        tell(exchange, conf, judged,
             level == log::Level::Info ? level
                                       : static_cast<log::Level>(static_cast<int>(level) + 1));
        note->outcome = is_dry ? "DELAYED_DRY_RUN" : "DELAYED";
        return is_dry ? Verdict::Declined : wait_in_line(exchange, judged.delay);
    }
    note->outcome = "PASSED";
    return Verdict::Declined;
}

constexpr script::VariableRow kVariables[] = {
    {.name = "limit_req_status",
     .get = &limit_outcome<LimitKind::Requests>,
     .sentence = "What limit_req did: PASSED, DELAYED, REJECTED, or either with _DRY_RUN."},
};

}  // namespace

constexpr http::Module kLimitReq{
    .name = "limit_req",
    .conf = &kConf,
    .bind = &bind_limits<LimitReqConf, &limit_requests>,
    .variables = kVariables,
    .start_worker = &use_worker_context,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
