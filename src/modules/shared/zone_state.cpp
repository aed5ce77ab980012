// SPDX-License-Identifier: BSD-2-Clause
// The directive zone_state. A zone may be declared behind it, so all is decided when all is read.
// Runs in: any.
#include "modules/shared/zone_state.h"

#include <string>

#include "base/arena.h"
#include "conf/generation.h"
#include "conf/level.h"
#include "conf/parse_as.h"
#include "conf/row.h"

namespace sluice::modules {

namespace {

/// A zone of the level.
struct Declared {
    conf::ZoneSpec* spec = nullptr;
    const shm::ZoneKind* kind = nullptr;
    const Declared* next = nullptr;  ///< the one above
};

struct ZoneStateConf {
    const Declared* last = nullptr;
};

/// One zone_state.
struct Wanted {
    const conf::Directive* directive = nullptr;
    const conf::Level* level = nullptr;
    const Declared* above = nullptr;  ///< the zone that it belongs to where it names none
    conf::Argument name;              ///< of zone=NAME; no text: none
    std::string_view path;
    Millis interval{0};
};

const Declared* find_declared(const Wanted& wanted) {
    if (wanted.name.text.empty()) {
        return wanted.above;
    }
    const Declared* one = wanted.level->conf<ZoneStateConf>().last;
    while (one != nullptr && one->spec->name != wanted.name.text) {
        one = one->next;
    }
    return one;
}

/// What hinders saving `declared` to the path, or an empty text.
std::string problem_with(conf::Build& build, const Wanted& wanted, const Declared& declared) {
    const std::string name = "\"" + std::string(declared.spec->name) + "\"";
    if (const std::string_view reason = declared.kind->unsaved_because; !reason.empty()) {
        return "zone " + name + " of \"" + std::string(declared.spec->directive) +
               "\" cannot be saved: " + std::string(reason);
    }
    if (!declared.spec->state_path.empty()) {
        return "\"zone_state\" directive is duplicate for zone " + name;
    }
    for (const std::unique_ptr<conf::ZoneSpec>& other : build.generation().zones()) {
        if (other->state_path == wanted.path) {
            return "\"" + std::string(wanted.path) + "\" is the file of zone \"" +
                   std::string(other->name) + "\" already";
        }
    }
    return "";
}

void resolve(conf::Build& build, void* object) {
    const Wanted& wanted = *static_cast<Wanted*>(object);
    const Declared* const declared = find_declared(wanted);
    if (declared == nullptr) {
        build.error(wanted.name,
                    "zero size shared memory zone \"" + std::string(wanted.name.text) + "\"",
                    "a zone that is declared in the same block");
        return;
    }
    if (const std::string problem = problem_with(build, wanted, *declared); !problem.empty()) {
        build.error(*wanted.directive, problem, "one file for each zone that can be saved");
        return;
    }
    declared->spec->state_path = wanted.path;
    declared->spec->state_interval = wanted.interval;
}

bool set_option(conf::Build& build, const conf::Argument& argument, Wanted& wanted) {
    constexpr std::string_view kZone = "zone=";
    constexpr std::string_view kInterval = "interval=";
    const std::string_view text = argument.text;
    if (text.starts_with(kZone) && text.size() > kZone.size()) {
        wanted.name = argument;
        wanted.name.text.remove_prefix(kZone.size());
        return true;
    }
    const bool is_interval = text.starts_with(kInterval);
    if (is_interval) {
        const std::optional<Millis> time = conf::parse_time(text.substr(kInterval.size()));
        if (time && *time >= Millis(1000)) {
            wanted.interval = *time;
            return true;
        }
    }
    return build.error(argument, "invalid parameter \"" + std::string(text) + "\"",
                       is_interval ? "interval=TIME, at least 1s" : "zone=NAME or interval=TIME");
}

bool set_state(conf::Build& build, const conf::Directive& directive, ZoneStateConf& conf) {
    Wanted& wanted = *build.arena().make<Wanted>();
    wanted = {.directive = &directive,
              .level = &build.level(),
              .above = conf.last,
              .name = {},
              .path = build.absolute_path(directive.args[0].text)};
    for (const conf::Argument& argument : directive.args.subspan(1)) {
        if (!set_option(build, argument, wanted)) {
            return false;
        }
    }
    if (wanted.name.text.empty() && wanted.above == nullptr) {
        return build.error(directive, "\"zone_state\" stands above every zone",
                           "zone_state below the zone that it belongs to, or zone=NAME");
    }
    build.on_frozen(&resolve, &wanted);
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<ZoneStateConf, &set_state>(
        "zone_state", conf::kHttp | conf::kStream, conf::take_range(1, 3),
        "The file that the shared zone declared above (or zone=NAME) is saved to at the end, and "
        "every interval=TIME, and restored from at the start.")
        .repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<ZoneStateConf>("zone_state", kRows);

}  // namespace

constexpr conf::Module kZoneState{"zone_state", &kKind};

void note_zone(conf::Build& build, conf::ZoneSpec& spec, const shm::ZoneKind& kind) {
    ZoneStateConf& conf = build.level().conf<ZoneStateConf>();
    conf.last = build.arena().make<Declared>(&spec, &kind, conf.last);
}

}  // namespace sluice::modules
