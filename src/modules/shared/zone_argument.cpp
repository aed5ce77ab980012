// SPDX-License-Identifier: BSD-2-Clause
// Parsing what directives say about zones.
// Runs in: any.
#include "modules/shared/zone_argument.h"

#include <string>

#include "base/ascii.h"
#include "conf/parse_as.h"
#include "modules/shared/zone_state.h"

namespace sluice::modules {

namespace {

conf::ZoneUse use_of(const shm::ZoneKind& kind) {
    return {.kind = kind.name, .layout = kind.layout, .cell_bytes = kind.cell_bytes};
}

}  // namespace

bool parse_zone(conf::Build& build, const conf::Argument& argument, ZoneArgument& out) {
    std::string_view text = argument.text;
    text.remove_prefix(std::string_view("zone=").size());
    const std::size_t colon = text.find(':');
    if (colon == text.npos || colon == 0) {
        return build.error(argument, "invalid zone size \"" + std::string(argument.text) + "\"",
                           "zone=NAME:SIZE, such as zone=one:10m");
    }
    out.name = text.substr(0, colon);
    return parse_zone_size(build, argument, text.substr(colon + 1), out);
}

bool parse_zone_size(conf::Build& build,
                     const conf::Argument& argument,
                     std::string_view text,
                     ZoneArgument& out) {
    const std::optional<Bytes> size = conf::parse_size(text);
    if (!size || size->count > shm::kMaxZoneBytes) {
        return build.error(argument, "invalid zone size \"" + std::string(argument.text) + "\"",
                           "a size such as 10m");
    }
    if (size->count < shm::kMinZoneBytes) {
        // As nginx, the whole argument; where that is the size alone, the name tells more.
        const std::string_view shown = argument.text == text ? out.name : argument.text;
        return build.error(argument, "zone \"" + std::string(shown) + "\" is too small",
                           "at least 32k");
    }
    // Whole pages, as the kernel gives them.
    out.bytes = (size->count + 4095) / 4096 * 4096;
    return true;
}

bool parse_shards(conf::Build& build, const conf::Argument& argument, ZoneArgument& out) {
    const std::string_view text = argument.text.substr(std::string_view("shards=").size());
    const std::optional<std::uint64_t> shards = parse_decimal(text);
    if (!shards || *shards == 0 || *shards > shm::kMaxShards) {
        return build.error(argument, "invalid parameter \"" + std::string(argument.text) + "\"",
                           "shards=1 to shards=256");
    }
    out.shards = static_cast<std::uint32_t>(*shards);
    return true;
}

conf::ZoneSpec* declare_zone(conf::Build& build,
                             const conf::Directive& directive,
                             const ZoneArgument& zone,
                             const shm::ZoneKind& kind,
                             std::string_view keys) {
    conf::ZoneSpec* const spec = build.declare_zone({.name = zone.name,
                                                     .use = use_of(kind),
                                                     .bytes = zone.bytes,
                                                     .shards = zone.shards,
                                                     .keys = keys,
                                                     .directive = directive.name,
                                                     .at = directive.at});
    if (spec != nullptr) {
        note_zone(build, *spec, kind);
    }
    return spec;
}

conf::ZoneSpec* find_zone(conf::Build& build,
                          conf::Position use,
                          std::string_view name,
                          const shm::ZoneKind& kind) {
    conf::ZoneSpec* const found = build.find_zone(name);
    if (found == nullptr) {
        build.error(use, "zero size shared memory zone \"" + std::string(name) + "\"",
                    "a directive that declares this zone and its size");
    } else if (found->use != use_of(kind)) {
        build.error(use,
                    "the shared memory zone \"" + std::string(name) +
                        "\" is already declared for a different use",
                    "another zone: this one belongs to " + std::string(found->directive));
    } else {
        return found;
    }
    return nullptr;
}

}  // namespace sluice::modules
