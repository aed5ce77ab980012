// SPDX-License-Identifier: BSD-2-Clause
// kv: keys and values over HTTP in a shared zone that all workers use: GET, HEAD, PUT and DELETE
// with entity tags and conditions; POST ?incr=N counts. A zone that is full forgets the keys that
// were not used for longest. zone_state keeps it from one run of the server to the next.
// Runs in: worker.
#include <charconv>
#include <memory>
#include <string>

#include "modules/shared/features.h"
#include "modules/shared/kv_conf.h"
#include "modules/shared/kv_entry.h"
#include "modules/shared/kv_request.h"
#include "modules/shared/worker_context.h"
#include "modules/shared/zone_argument.h"
#include "proto/http/conditionals.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Method;
using http::Verdict;

/// The entity tag of a version, in the arena; data() == nullptr: it is full.
std::string_view etag_of(Exchange& exchange, std::uint64_t version) {
    char text[20] = {'"'};
    char* end = std::to_chars(text + 1, text + sizeof text - 1, version, 16).ptr;
    *end++ = '"';
    return exchange.arena.copy({text, static_cast<std::size_t>(end - text)});
}

/// Hands a text over to the reply, which gives it back when it was sent.
void own(http::Reply& reply, std::unique_ptr<std::string> text) {
    reply.pin = text.release();
    reply.release = [](void* pin) {
        const std::unique_ptr<std::string> gone(static_cast<std::string*>(pin));
    };
}

Verdict busy(Exchange& exchange) {
    static_cast<void>(exchange.reply.add(exchange.arena, "Retry-After", "1"));
    return exchange.finish(503);
}

/// An answer without a body. Entity tags and times of the entry go with it.
Verdict done(Exchange& exchange, int status, std::uint64_t version) {
    if (version != 0) {
        exchange.reply.etag = etag_of(exchange, version);
    }
    return exchange.finish(status);
}

Verdict give(Exchange& exchange, shm::ZoneUser& zone, std::string_view key) {
    const Millis now = worker_context().loop.now();
    auto bytes = std::make_unique<std::string>(4096, '\0');
    shm::ZoneValue found = zone.get(key, now, *bytes);
    for (int tries = 0; found.size > bytes->size() && tries < 3; ++tries) {
        bytes->resize(found.size);  // it may have grown once more meanwhile
        found = zone.get(key, now, *bytes);
    }
    if (found.outcome == shm::ZoneOutcome::Busy) {
        return busy(exchange);
    }
    const bool is_whole = found.size <= bytes->size() && found.size > 0;
    if (found.outcome != shm::ZoneOutcome::Done || !is_whole) {
        return exchange.finish(404);
    }
    http::Reply& reply = exchange.reply;
    reply.etag = etag_of(exchange, found.version);
    const http::Validators validators{.etag = reply.etag};
    switch (http::judge_conditions(exchange.request, validators, http::ModifiedRule::Off)) {
        case http::Condition::NotModified:
            reply.status = 304;
            reply.length = 0;
            return Verdict::Decided;
        case http::Condition::Failed:
            return exchange.finish(412);
        case http::Condition::Proceed:
            break;
    }
    if (found.expires.count() != 0) {
        char text[24];
        const char* const end =
            std::to_chars(text, text + sizeof text, (found.expires - now).count() / 1000).ptr;
        static_cast<void>(reply.add(
            exchange.arena, "X-TTL",
            exchange.arena.copy({text, static_cast<std::size_t>(end - text)})));
    }
    const std::string_view entry(bytes->data(), found.size);
    const std::string_view type = entry_type(entry);
    reply.status = 200;
    reply.content_type = type.empty() ? kDefaultType : type;
    reply.memory_body = entry.substr(value_begin(entry));
    reply.length = static_cast<std::int64_t>(reply.memory_body.size());
    own(reply, std::move(bytes));
    return Verdict::Decided;
}

Verdict answer_put(Exchange& exchange, const shm::PutResult& put) {
    switch (put.outcome) {
        case shm::ZoneOutcome::Done:
            return done(exchange, put.was_there ? 204 : 201, put.version);
        case shm::ZoneOutcome::Absent:
        case shm::ZoneOutcome::Exists:
        case shm::ZoneOutcome::VersionDiffers:
            return done(exchange, 412, put.version);
        case shm::ZoneOutcome::NoRoom:
            return exchange.finish(507);
        case shm::ZoneOutcome::Busy:
            break;
    }
    return busy(exchange);
}

/// The body of a PUT is here.
Verdict store(Exchange& exchange, const void* settings) {
    const KvConf& conf = *static_cast<const KvConf*>(settings);
    shm::ZoneUser& zone = zone_of(*conf.zone);
    const std::string_view key = kv_key(exchange, conf);
    const ChangeCondition condition = change_condition(exchange.request);
    Millis ttl = conf.ttl;
    if (!read_ttl(exchange.request, ttl)) {
        return exchange.finish(400);
    }
    if (exchange.body.size() > conf.most ||
        exchange.body.size() + kLongestType + 1 > zone.zone().largest_value(key.size())) {
        return exchange.finish(413);
    }
    if (!condition.is_good) {
        return exchange.finish(412);
    }
    const std::string value = packed_entry(exchange);
    if (value.empty()) {
        return exchange.finish(500);
    }
    const Millis now = worker_context().loop.now();
    return answer_put(exchange,
                      zone.put(key, value,
                               {.now = now,
                                .expires = ttl.count() == 0 ? Millis(0) : now + ttl,
                                .when = condition.when,
                                .version = condition.version}));
}

Verdict remove(Exchange& exchange, shm::ZoneUser& zone, std::string_view key) {
    const ChangeCondition condition = change_condition(exchange.request);
    if (!condition.is_good || condition.when == shm::PutWhen::IfAbsent) {
        return exchange.finish(412);
    }
    const bool has_version = condition.when == shm::PutWhen::IfVersion;
    switch (zone.erase(key, worker_context().loop.now(),
                       has_version ? std::optional(condition.version) : std::nullopt)) {
        case shm::ZoneOutcome::Done:
            return exchange.finish(204);
        case shm::ZoneOutcome::VersionDiffers:
            return exchange.finish(412);
        case shm::ZoneOutcome::Busy:
            return busy(exchange);
        default:
            return exchange.finish(condition.when == shm::PutWhen::Always ? 404 : 412);
    }
}

/// Adds to a number that is kept as decimal text, in one step for all workers.
class Increment {
  public:
    Increment(std::int64_t by, Millis expires) : by_(by), expires_(expires) {}

    shm::Decision operator()(shm::Draft& draft) const {
        constexpr std::string_view kHead = "\x0atext/plain";
        std::int64_t number = 0;
        const std::string_view old(draft.bytes.data(), draft.size);
        if (!draft.is_new) {
            const std::string_view digits = old.substr(value_begin(old));
            const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
            is_number = !digits.empty() && read.ec == std::errc{} &&
                        read.ptr == digits.data() + digits.size();
        }
        is_number = is_number && !__builtin_add_overflow(number, by_, &number);
        if (!is_number) {
            return shm::Decision::Leave;
        }
        kHead.copy(draft.bytes.data(), kHead.size());
        char* const digits = draft.bytes.data() + kHead.size();
        draft.size = kHead.size() +
                     static_cast<std::size_t>(std::to_chars(digits, digits + 24, number).ptr - digits);
        draft.expires = draft.is_new ? expires_ : draft.expires;
        result = number;
        return shm::Decision::Store;
    }

    mutable bool is_number = true;
    mutable std::int64_t result = 0;

  private:
    std::int64_t by_;
    Millis expires_;
};

Verdict count(Exchange& exchange, const KvConf& conf, std::string_view key) {
    const std::optional<std::string_view> text = query_argument(exchange.request.args, "incr");
    std::int64_t by = 0;
    Millis ttl = conf.ttl;
    const bool is_good =
        text && std::from_chars(text->data(), text->data() + text->size(), by).ptr ==
                    text->data() + text->size();
    if (!is_good || text->empty() || !read_ttl(exchange.request, ttl)) {
        return exchange.finish(400);
    }
    const Millis now = worker_context().loop.now();
    const Increment increment(by, ttl.count() == 0 ? Millis(0) : now + ttl);
    switch (zone_of(*conf.zone).update(key, now, increment)) {
        case shm::ZoneOutcome::Done:
            break;
        case shm::ZoneOutcome::Busy:
            return busy(exchange);
        default:
            return exchange.finish(409);
    }
    if (!increment.is_number) {
        return exchange.finish(409);
    }
    http::Reply& reply = exchange.reply;
    auto answer = std::make_unique<std::string>(std::to_string(increment.result));
    reply.status = 200;
    reply.content_type = "text/plain";
    reply.memory_body = *answer;
    reply.length = static_cast<std::int64_t>(answer->size());
    own(reply, std::move(answer));
    return Verdict::Decided;
}

Verdict serve(Exchange& exchange, const void* settings) {
    const KvConf& conf = *static_cast<const KvConf*>(settings);
    const std::string_view key = kv_key(exchange, conf);
    if (key.data() == nullptr) {
        return exchange.finish(500);
    }
    const Method method = exchange.request.method;
    if (key.empty() || key.size() > shm::kMaxKeyBytes) {
        return exchange.finish(method == Method::Put || method == Method::Post ? 400 : 404);
    }
    switch (method) {
        case Method::Get:
        case Method::Head:
            return give(exchange, zone_of(*conf.zone), key);
        case Method::Put:
            return exchange.read_body(&store, settings);
        case Method::Delete:
            return remove(exchange, zone_of(*conf.zone), key);
        case Method::Post:
            return count(exchange, conf, key);
        default:
            static_cast<void>(
                exchange.reply.add(exchange.arena, "Allow", "GET, HEAD, PUT, DELETE, POST"));
            return exchange.finish(405);
    }
}

constexpr conf::Module kConf{"kv", &kKvKind};

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const KvConf& conf = level.conf<KvConf>();
    if (phase != http::Phase::Content || !conf.is_on) {
        return {};
    }
    return {.run = &serve, .settings = &conf};
}

}  // namespace

constexpr http::Module kKv{
    .name = "kv",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = &use_worker_context,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
