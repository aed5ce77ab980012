// SPDX-License-Identifier: BSD-2-Clause
// The directives kv_zone and kv.
// Runs in: any.
#include "modules/shared/kv_conf.h"

#include <string>

#include "conf/parse_as.h"
#include "conf/row.h"
#include "modules/shared/zone_argument.h"
#include "proto/http/site.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

bool set_zone(conf::Build& build, const conf::Directive& directive, KvConf&) {
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
    // http and stream may both say it of the one zone.
    const conf::ZoneSpec* const other = build.find_zone(zone.name);
    if (other != nullptr && other->use.kind == kPairs.name && other->bytes == zone.bytes &&
        other->shards == zone.shards) {
        return true;
    }
    if (other != nullptr && other->use.kind == kPairs.name) {
        return build.error(directive,
                           "the size " + std::to_string(zone.bytes) + " of shared memory zone \"" +
                               std::string(zone.name) + "\" conflicts with already declared size " +
                               std::to_string(other->bytes),
                           "the same size and shards in http and stream");
    }
    return declare_zone(build, directive, zone, kPairs, "") != nullptr;
}

/// For the time when all zones are known.
void find_pairs(conf::Build& build, void* object) {
    KvService& service = *static_cast<KvService*>(object);
    service.zone = find_zone(build, service.at, service.zone_name, kPairs);
}

KvOption read_option(conf::Build& build,
                     const conf::Argument& argument,
                     const KvOptions& options,
                     KvService& service) {
    const std::string_view text = argument.text;
    if (text.starts_with("zone=") && text.size() > 5) {
        service.zone_name = text.substr(5);
        return KvOption::Taken;
    }
    if (text.starts_with("max=")) {
        const std::optional<Bytes> most = conf::parse_size(text.substr(4));
        if (most && most->count > 0 && most->count <= options.most) {
            service.most = most->count;
            return KvOption::Taken;
        }
    }
    return options.own(build, argument, service);
}

// ---- http ----

KvOption read_location_option(conf::Build& build,
                              const conf::Argument& argument,
                              KvService& service) {
    KvConf& conf = static_cast<KvConf&>(service);
    const std::string_view text = argument.text;
    if (text.starts_with("key=") && text.size() > 4) {
        conf.has_key = true;
        conf::Argument key = argument;
        key.text.remove_prefix(4);
        const bool is_good =
            script::compile_argument(build, key, script::variables_of(build), conf.key);
        return is_good ? KvOption::Taken : KvOption::Wrong;
    }
    if (text.starts_with("ttl=")) {
        if (const std::optional<Millis> ttl = conf::parse_time(text.substr(4)); ttl) {
            conf.ttl = *ttl;
            return KvOption::Taken;
        }
    }
    return KvOption::Unknown;
}

constexpr KvOptions kLocationOptions{
    .own = &read_location_option,
    .most = kLargestValue,
    .expected = "zone=NAME, key=TEXT, ttl=TIME or max=SIZE (at most 1m)"};

bool set_kv(conf::Build& build, const conf::Directive& directive, KvConf& conf) {
    return read_kv(build, directive, kLocationOptions, conf);
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row_fn<KvConf, &set_zone>("kv_zone", conf::kHttp | conf::kStream, conf::take_range(2, 3),
        "A shared zone for keys and values, one map for http and stream: a name, a size, shards=NUMBER (16).").repeats(),
    conf::row_fn<KvConf, &set_kv>("kv", conf::kLocation, conf::take_range(1, 4),
        "Serve zone=NAME by GET, PUT, DELETE and POST ?incr=N; key=TEXT, ttl=TIME, max=SIZE of a value."),
};
// clang-format on

}  // namespace

bool read_kv(conf::Build& build,
             const conf::Directive& directive,
             const KvOptions& options,
             KvService& service) {
    service.is_on = true;
    service.at = directive.at;
    for (const conf::Argument& argument : directive.args) {
        switch (read_option(build, argument, options, service)) {
            case KvOption::Taken:
                break;
            case KvOption::Wrong:
                return false;
            case KvOption::Unknown:
                return build.error(argument,
                                   "invalid parameter \"" + std::string(argument.text) + "\"",
                                   std::string(options.expected));
        }
    }
    if (service.zone_name.empty()) {
        return build.error(directive, "\"kv\" must have \"zone\" parameter", "zone=NAME");
    }
    build.on_frozen(&find_pairs, &service);
    return true;
}

constexpr conf::ConfKind kKvKind = conf::kind<KvConf>("kv", kRows);

}  // namespace sluice::modules
