// SPDX-License-Identifier: BSD-2-Clause
// kv: keys and values over HTTP in a shared zone that all workers use: GET, HEAD, PUT and DELETE
// with entity tags and conditions; POST ?incr=N counts. A zone that is full forgets the keys that
// were not used for longest. zone_state keeps it from one run of the server to the next.
// Runs in: any (settings), worker (rule).
#include <charconv>
#include <cstring>
#include <memory>
#include <string>

#include "base/ascii.h"
#include "modules/shared/features.h"
#include "modules/shared/worker_context.h"
#include "modules/shared/zone_argument.h"
#include "proto/http/conditionals.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http/site.h"
#include "script/template_argument.h"
#include "sys/file.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Method;
using http::Verdict;

/// Entry: {length of the media type} media type, bytes.
constexpr shm::ZoneKind kPairs{.name = "kv", .layout = 1, .cell_bytes = 256};

constexpr std::uint64_t kLargestValue = 1024 * 1024;
constexpr std::size_t kLongestType = 255;

struct KvConf {
    conf::ZoneSpec* declared = nullptr;  ///< the last kv_zone above; for zone_state
    bool is_on = false;
    std::string_view zone_name;
    conf::Position at;
    conf::ZoneSpec* zone = nullptr;  ///< found when frozen
    bool has_key = false;
    script::Template key;  ///< else what follows the location's name
    Millis ttl{0};         ///< of entries that name none; 0: for ever
    std::uint64_t most = kLargestValue;
};

// ---- settings ----

bool set_zone(conf::Build& build, const conf::Directive& directive, KvConf& conf) {
    ZoneArgument zone{.name = directive.args[0].text};
    if (!parse_zone_size(build, directive.args[1], directive.args[1].text, zone)) {
        return false;
    }
    if (directive.args.size() == 3) {
        if (!directive.args[2].text.starts_with("shards=")) {
            return build.error(directive.args[2],
                               "invalid parameter \"" + std::string(directive.args[2].text) + "\"",
                               "shards=NUMBER");
        }
        if (!parse_shards(build, directive.args[2], zone)) {
            return false;
        }
    }
    conf.declared = declare_zone(build, directive, zone, kPairs, "");
    return conf.declared != nullptr;
}

bool set_state(conf::Build& build, const conf::Directive& directive, KvConf& conf) {
    conf::ZoneSpec* zone = conf.declared;
    Millis interval{0};
    for (const conf::Argument& argument : directive.args.subspan(1)) {
        if (argument.text.starts_with("interval=")) {
            const std::optional<Millis> time = conf::parse_time(argument.text.substr(9));
            if (!time || *time < Millis(1000)) {
                return build.error(argument,
                                   "invalid parameter \"" + std::string(argument.text) + "\"",
                                   "interval=TIME, at least 1s");
            }
            interval = *time;
        } else if (argument.text.starts_with("zone=")) {
            zone = find_zone(build, argument.at, argument.text.substr(5), kPairs);
            if (zone == nullptr) {
                return false;
            }
        } else {
            return build.error(argument,
                               "invalid parameter \"" + std::string(argument.text) + "\"",
                               "zone=NAME or interval=TIME");
        }
    }
    if (zone == nullptr) {
        return build.error(directive, "\"zone_state\" stands above every \"kv_zone\"",
                           "zone_state below the kv_zone that it belongs to, or zone=NAME");
    }
    if (!zone->state_path.empty()) {
        return build.error(directive, "\"zone_state\" directive is duplicate",
                           "one file for each zone");
    }
    zone->state_path = build.absolute_path(directive.args[0].text);
    zone->state_interval = interval;
    return true;
}

/// The settings of a location, for the time when all zones are known.
void resolve(conf::Build& build, void* object) {
    KvConf& conf = *static_cast<KvConf*>(object);
    conf.zone = find_zone(build, conf.at, conf.zone_name, kPairs);
}

bool set_option(conf::Build& build, const conf::Argument& argument, KvConf& conf) {
    const std::string_view text = argument.text;
    if (text.starts_with("zone=") && text.size() > 5) {
        conf.zone_name = text.substr(5);
        return true;
    }
    if (text.starts_with("key=") && text.size() > 4) {
        conf.has_key = true;
        conf::Argument key = argument;
        key.text.remove_prefix(4);
        return script::compile_argument(build, key, http::variables_of(build), conf.key);
    }
    if (text.starts_with("ttl=")) {
        if (const std::optional<Millis> ttl = conf::parse_time(text.substr(4)); ttl) {
            conf.ttl = *ttl;
            return true;
        }
    }
    if (text.starts_with("max=")) {
        const std::optional<Bytes> most = conf::parse_size(text.substr(4));
        if (most && most->count <= kLargestValue) {
            conf.most = most->count;
            return true;
        }
    }
    return build.error(argument, "invalid parameter \"" + std::string(text) + "\"",
                       "zone=NAME, key=TEXT, ttl=TIME or max=SIZE (at most 1m)");
}

bool set_kv(conf::Build& build, const conf::Directive& directive, KvConf& conf) {
    conf.is_on = true;
    conf.at = directive.at;
    for (const conf::Argument& argument : directive.args) {
        if (!set_option(build, argument, conf)) {
            return false;
        }
    }
    if (conf.zone_name.empty()) {
        return build.error(directive, "\"kv\" must have \"zone\" parameter", "zone=NAME");
    }
    build.on_frozen(&resolve, &conf);
    return true;
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row_fn<KvConf, &set_zone>("kv_zone", conf::kHttp, conf::take_range(2, 3),
        "A shared zone for keys and values: a name, a size, shards=NUMBER (16).").repeats(),
    conf::row_fn<KvConf, &set_state>("zone_state", conf::kHttp, conf::take_range(1, 3),
        "The file that the kv_zone above (or zone=NAME) is saved to at the end, and every interval=TIME, and restored from at the start.").repeats(),
    conf::row_fn<KvConf, &set_kv>("kv", conf::kLocation, conf::take_range(1, 4),
        "Serve zone=NAME by GET, PUT, DELETE and POST ?incr=N; key=TEXT, ttl=TIME, max=SIZE of a value."),
};
// clang-format on

constexpr conf::ConfKind kKind = conf::kind<KvConf>("kv", kRows);
constexpr conf::Module kConf{"kv", &kKind};

// ---- requests ----

/// What follows the location's name, or the configured text; data() == nullptr: arena full.
std::string_view key_of(Exchange& exchange, const KvConf& conf) {
    if (conf.has_key) {
        return exchange.render(conf.key);
    }
    std::string_view uri = exchange.request.uri;
    const http::Location& location = *exchange.location;
    const bool is_prefix = location.match == http::Match::Prefix ||
                           location.match == http::Match::PrefixNoRegex ||
                           location.match == http::Match::Exact;
    if (is_prefix && uri.starts_with(location.name)) {
        uri.remove_prefix(location.name.size());
    }
    return uri;
}

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

/// The value of an argument of the query, or nothing.
std::optional<std::string_view> argument_of(std::string_view args, std::string_view name) {
    while (!args.empty()) {
        const std::size_t size = std::min(args.find('&'), args.size());
        const std::string_view one = args.substr(0, size);
        args.remove_prefix(std::min(size + 1, args.size()));
        if (one.starts_with(name) && one.substr(name.size()).starts_with('=')) {
            return one.substr(name.size() + 1);
        }
    }
    return std::nullopt;
}

/// How long the client wants its value kept: ?ttl=, X-TTL or Cache-Control: max-age, in seconds; 0
/// for ever. False: it is no number, or more than a hundred years.
bool read_ttl(const http::Request& request, Millis& ttl) {
    std::optional<std::string_view> text = argument_of(request.args, "ttl");
    if (const http::Header* const header = request.find("X-TTL"); !text && header != nullptr) {
        text = header->value;
    }
    constexpr std::string_view kMaxAge = "max-age=";
    if (const http::Header* const header = request.find("Cache-Control");
        !text && header != nullptr && header->value.find(kMaxAge) != std::string_view::npos) {
        text = header->value.substr(header->value.find(kMaxAge) + kMaxAge.size());
        text = text->substr(0, text->find_first_of(", "));
    }
    if (!text) {
        return true;
    }
    constexpr std::uint64_t kMost = std::uint64_t{100} * 366 * 86400;
    const std::optional<std::uint64_t> seconds = parse_decimal(*text);
    if (!seconds || *seconds > kMost) {
        return false;
    }
    ttl = Millis(static_cast<std::int64_t>(*seconds) * 1000);
    return true;
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
    const auto type_size = static_cast<std::size_t>(static_cast<unsigned char>(bytes->front()));
    const bool is_whole = found.size <= bytes->size() && found.size > type_size;
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
    const std::string_view value(bytes->data(), found.size);
    reply.status = 200;
    reply.content_type = value.substr(1, type_size);
    reply.memory_body = value.substr(1 + type_size);
    reply.length = static_cast<std::int64_t>(reply.memory_body.size());
    own(reply, std::move(bytes));
    return Verdict::Decided;
}

/// What If-Match and If-None-Match ask of a change. RFC 9110 §13.1.1, §13.1.2.
struct ChangeCondition {
    bool is_good = true;  ///< false: cannot hold, 412
    shm::PutWhen when = shm::PutWhen::Always;
    std::uint64_t version = 0;
};

ChangeCondition condition_of(const http::Request& request) {
    if (const std::string_view match = request.get(http::Field::IfMatch); match.data() != nullptr) {
        if (match == "*") {
            return {.when = shm::PutWhen::IfPresent};
        }
        std::uint64_t version = 0;
        const bool is_quoted = match.size() > 2 && match.starts_with('"') && match.ends_with('"');
        const std::string_view inner = is_quoted ? match.substr(1, match.size() - 2) : "";
        const auto read = std::from_chars(inner.data(), inner.data() + inner.size(), version, 16);
        // One tag of ours; a list of several, a weak or a foreign one matches nothing.
        const bool is_ours = !inner.empty() && read.ptr == inner.data() + inner.size() &&
                             read.ec == std::errc{};
        return {.is_good = is_ours, .when = shm::PutWhen::IfVersion, .version = version};
    }
    if (request.get(http::Field::IfNoneMatch) == "*") {
        return {.when = shm::PutWhen::IfAbsent};
    }
    return {};
}

/// {length of the type} type, body. Empty: the body cannot be read.
std::string packed(const Exchange& exchange) {
    std::string_view type = exchange.request.get(http::Field::ContentType);
    if (type.empty() || type.size() > kLongestType) {
        type = "application/octet-stream";
    }
    std::string value(1, static_cast<char>(static_cast<unsigned char>(type.size())));
    value += type;
    const http::RequestBody& body = exchange.body;
    if (!body.is_in_file()) {
        return value.append(body.memory());
    }
    // Just written, so it comes from the page cache.
    std::size_t filled = value.size();
    value.resize(filled + body.size());
    for (off_t at = 0; filled < value.size();) {
        const Result<sys::Transfer> got =
            sys::read_at(body.fd(), std::span(value).subspan(filled), at);
        if (!got || got->size == 0) {
            return {};
        }
        filled += got->size;
        at += static_cast<off_t>(got->size);
    }
    return value;
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
    const std::string_view key = key_of(exchange, conf);
    const ChangeCondition condition = condition_of(exchange.request);
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
    const std::string value = packed(exchange);
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
    const ChangeCondition condition = condition_of(exchange.request);
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
            const auto type_size = static_cast<std::size_t>(static_cast<unsigned char>(old[0]));
            const std::string_view digits = old.substr(std::min(old.size(), 1 + type_size));
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
    const std::optional<std::string_view> text = argument_of(exchange.request.args, "incr");
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
    const std::string_view key = key_of(exchange, conf);
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
