// SPDX-License-Identifier: BSD-2-Clause
// map: a variable whose value depends on a text: names, host wildcards, then patterns in order. It
// is looked up when it is first used, and costs nothing where it is not.
// Runs in: any (settings), worker (look-up).
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "conf/level.h"
#include "modules/shared/features.h"
#include "proto/http/module.h"
#include "proto/stream/module.h"
#include "script/computed.h"
#include "script/dialect.h"
#include "script/name_table.h"
#include "script/template_argument.h"
#include "script/value_text.h"

namespace sluice::modules {

namespace {

struct PatternRow {
    const script::Pattern* pattern = nullptr;
    std::uint32_t number = 0;  ///< of its value
};

struct Map : script::Computed {
    script::Template source;
    script::NameTable names;
    std::span<const PatternRow> patterns;
    std::span<const script::Template> values;
    std::uint32_t fallback = script::NameTable::kNone;  ///< number of `default`
    bool has_hosts = false;
};

struct MapConf {};

// ---- look-up ----

std::uint32_t find(const Map& map, const void* subject, std::string_view text) {
    std::uint32_t number = script::NameTable::kNone;
    if (map.has_hosts) {
        number = map.names.find_host(text.ends_with('.') ? text.substr(0, text.size() - 1) : text);
    } else {
        number = map.names.find_exact(text);
    }
    if (number != script::NameTable::kNone) {
        return number;
    }
    for (const PatternRow& row : map.patterns) {
        if (row.pattern->regex.match(text)) {
            return map.access->capture(subject, *row.pattern, text) ? row.number
                                                                   : script::NameTable::kNone;
        }
    }
    return map.fallback;
}

script::Value compute(const script::Computed& self, const void* subject, Arena& arena) {
    const Map& map = static_cast<const Map&>(self);
    const script::SubjectAccess& access = *map.access;
    const std::string_view text = map.source.render(subject, arena, access.captures(subject));
    if (text.data() == nullptr) {
        return script::Value::no_room();
    }
    const std::uint32_t number = find(map, subject, text);
    if (number == script::NameTable::kNone) {
        return {""};
    }
    return script::built_text(map.values[number].render(subject, arena, access.captures(subject)));
}

// ---- settings ----

/// A map while its block is read.
struct Reading {
    conf::Build& build;
    Map& map;
    script::VariableTable variables;
    script::NameTableBuilder names{};
    std::vector<PatternRow> patterns{};
    std::vector<script::Template> values{};
};

bool add_pattern(Reading& reading, const conf::Argument& key, std::uint32_t number) {
    std::string_view text = key.text.substr(1);
    const bool is_caseless = text.starts_with('*');
    text.remove_prefix(is_caseless ? 1 : 0);
    const script::Pattern* const pattern =
        script::compile_pattern(reading.build, key, text, is_caseless);
    reading.patterns.push_back({pattern, number});
    return pattern != nullptr;
}

bool add_name(Reading& reading, const conf::Argument& key, std::uint32_t number) {
    using Outcome = script::NameTableBuilder::Outcome;
    const std::string_view name = key.text.substr(key.text.starts_with('\\') ? 1 : 0);
    const Outcome outcome = reading.map.has_hosts ? reading.names.add_host(name, number)
                                                  : reading.names.add_exact(name, number);
    switch (outcome) {
        case Outcome::Added:
            return true;
        case Outcome::Known:
            return reading.build.error(key, fmt::format("conflicting parameter \"{}\"", name));
        case Outcome::Malformed:
            return reading.build.error(key,
                                       fmt::format("invalid hostname or wildcard \"{}\"", name),
                                       "a name, *.name, .name or name.*");
    }
    return false;
}

bool add_row(Reading& reading, const conf::Directive& row) {
    const conf::Argument key{.text = row.name, .at = row.at};
    script::Template value;
    if (!script::compile_argument(reading.build, row.args[0], reading.variables, value)) {
        return false;
    }
    const auto number = static_cast<std::uint32_t>(reading.values.size());
    reading.values.push_back(value);
    if (key.text == "default") {
        if (reading.map.fallback != script::NameTable::kNone) {
            return reading.build.error(key, "duplicate default map parameter");
        }
        reading.map.fallback = number;
        return true;
    }
    return key.text.starts_with('~') ? add_pattern(reading, key, number)
                                     : add_name(reading, key, number);
}

bool read_row(Reading& reading, const conf::Directive& row) {
    if (row.args.empty() && row.name == "hostnames") {
        reading.map.has_hosts = true;
        return true;
    }
    if (row.args.empty() && row.name == "volatile") {
        reading.map.is_volatile = true;
        return true;
    }
    if (row.args.size() != 1 || row.has_block) {
        return reading.build.error(row, "invalid number of the map parameters",
                                   "a text or pattern and its value");
    }
    return add_row(reading, row);
}

template <class T>
bool keep(Arena& arena, const std::vector<T>& from, std::span<const T>& out) {
    const auto kept = arena.make_span<T>(from.size());
    std::copy_n(from.begin(), kept.size(), kept.begin());
    out = kept;
    return kept.size() == from.size();
}

bool open_map(conf::Build& build, const conf::Directive& block, MapConf&) {
    Map* const map = build.arena().make<Map>();
    if (map == nullptr) {
        return build.error(block, "no memory for the map");
    }
    map->compute = &compute;
    Reading reading{.build = build, .map = *map, .variables = script::variables_of(build)};
    if (!script::compile_argument(build, block.args[0], reading.variables, map->source) ||
        !script::declare_computed(build, block.args[1], reading.variables, *map)) {
        return false;
    }
    bool is_good = true;
    for (const conf::Directive& row : block.children) {
        is_good = read_row(reading, row) && is_good;
    }
    Arena& arena = build.arena();
    if (!reading.names.build(arena, map->names) || !keep(arena, reading.patterns, map->patterns) ||
        !keep(arena, reading.values, map->values)) {
        return build.error(block, "no memory for the map");
    }
    return is_good;
}

constexpr conf::Row kRows[] = {
    conf::block<MapConf, &open_map>(
        "map", conf::kHttp | conf::kStream, conf::take(2),
        "A variable (second) whose value depends on a text (first): lines of a name or ~pattern and a "
        "value, default, hostnames, volatile, include."),
};
constexpr conf::ConfKind kKind = conf::kind<MapConf>("map", kRows);
constexpr conf::Module kConf{"map", &kKind};

}  // namespace

constexpr http::Module kMap{
    .name = "map",
    .conf = &kConf,
};

constexpr stream::Module kStreamMap{
    .name = "map",
    .conf = &kConf,
};

}  // namespace sluice::modules
