// SPDX-License-Identifier: BSD-2-Clause
// What row functions may ask of the compile context.
// Runs in: any.
#include "conf/build.h"

#include <algorithm>
#include <utility>

#include "conf/generation.h"
#include "conf/level.h"

namespace sluice::conf {

namespace {

/// What status pages call everything that has no counts of its own.
constexpr std::string_view kOther = "other";

}  // namespace

Arena& Build::arena() {
    return generation_.arena_;
}

Level& Build::open_level(Context context, const Directive& block) {
    auto level = std::make_unique<Level>();
    level->context = context;
    level->parent = level_;
    level->block = &block;
    level->dialect = level_->dialect;
    level->modules = level_->modules;
    level->confs = arena().make_span<void*>(level->modules.size());
    for (std::size_t i = 0; i < level->modules.size(); ++i) {
        const ConfKind& kind = *level->modules[i]->kind;
        level->confs[i] = arena().allocate(kind.size, kind.align);
        kind.construct(level->confs[i]);
    }
    generation_.levels_.push_back(std::move(level));
    return *generation_.levels_.back();
}

ListenSpec& Build::declare_listen(std::string_view key) {
    const auto known = generation_.listens_by_key_.find(key);
    if (known != generation_.listens_by_key_.end()) {
        return *known->second;
    }
    auto spec = std::make_unique<ListenSpec>();
    spec->key = arena().copy(key);
    spec->id = facts_.listener_id(key);
    generation_.listens_.push_back(spec.get());
    generation_.listens_by_key_.emplace(spec->key, spec.get());
    generation_.listens_by_id_.emplace(spec->id, spec.get());
    generation_.listen_storage_.push_back(std::move(spec));
    return *generation_.listen_storage_.back();
}

SinkSpec& Build::declare_sink(const SinkSpec& spec) {
    std::vector<SinkSpec>& sinks = generation_.sinks_;
    const auto known = generation_.sinks_by_target_.find(spec.target);
    if (known != generation_.sinks_by_target_.end()) {
        return sinks[known->second];
    }
    SinkSpec& out = sinks.emplace_back(spec);
    out.target = arena().copy(spec.target);
    out.id = facts_.sink_id(out.target);
    generation_.sinks_by_target_.emplace(out.target, sinks.size() - 1);
    return out;
}

SinkId Build::declare_sink(std::string_view target, Position at) {
    SinkSpec spec;
    spec.at = at;
    spec.target = spec.path = arena().copy(target);
    spec.kind = target == "stderr" ? SinkKind::Stderr : SinkKind::File;
    return declare_sink(spec).id;
}

void Build::declare_directory(std::string_view path, Position at) {
    const auto is_same = [&](const DirectorySpec& known) { return known.path == path; };
    if (std::ranges::none_of(generation_.directories_, is_same)) {
        generation_.directories_.push_back({arena().copy(path), at});
    }
}

SeriesId Build::declare_series(SeriesSpec spec, Position at) {
    std::string key = spec.is_location ? "l" : "s";
    key.append(spec.server).append(spec.is_location ? "\n" : "").append(spec.location);
    if (const std::optional<SeriesId> id = facts_.series_id(key); id) {
        spec.id = *id;
    } else {
        spec.server = spec.is_location ? std::string_view() : kOther;
        spec.location = spec.is_location ? kOther : std::string_view();
        if (!std::exchange(is_out_of_series_, true)) {
            warn(at, "too many servers and locations to count each of them; from here on they are "
                     "counted as \"other\"", "the same \"status_zone\" for several of them");
        }
    }
    const bool is_known = std::ranges::any_of(
        generation_.series_, [&](const SeriesSpec& known) { return known.id == spec.id; });
    if (!is_known) {
        spec.server = arena().copy(spec.server);
        spec.location = arena().copy(spec.location);
        generation_.series_.push_back(spec);
    }
    return spec.id;
}

ZoneSpec* Build::declare_zone(const ZoneSpec& wanted) {
    if (const ZoneSpec* const other = find_zone(wanted.name); other != nullptr) {
        const std::string name(wanted.name);
        const std::string place = std::string(generation_.tree_.files[other->at.file].path) + ":" +
                                  std::to_string(other->at.line);
        if (other->use != wanted.use) {
            error(wanted.at,
                  "the shared memory zone \"" + name + "\" is already declared for a different use",
                  "another name: it is a " + std::string(other->directive) + " in " + place);
        } else {
            error(wanted.at,
                  std::string(wanted.directive) + " \"" + name + "\" is already bound to key \"" +
                      std::string(other->keys) + "\"",
                  "another name: this one is declared in " + place);
        }
        return nullptr;
    }
    auto spec = std::make_unique<ZoneSpec>(wanted);
    spec->name = arena().copy(wanted.name);
    spec->keys = arena().copy(wanted.keys);
    spec->state_path = {};
    std::string key(wanted.use.kind);
    for (const std::uint64_t part : {std::uint64_t{wanted.use.layout},
                                     std::uint64_t{wanted.use.cell_bytes}, wanted.bytes,
                                     std::uint64_t{wanted.shards}}) {
        key += ' ' + std::to_string(part);
    }
    spec->id = facts_.zone_id(key + ' ' + std::string(wanted.name));
    generation_.zones_.push_back(std::move(spec));
    return generation_.zones_.back().get();
}

ZoneSpec* Build::find_zone(std::string_view name) {
    for (const std::unique_ptr<ZoneSpec>& zone : generation_.zones_) {
        if (zone->name == name) {
            return zone.get();
        }
    }
    return nullptr;
}

std::string_view Build::absolute_path(std::string_view path) {
    return arena().copy(path.starts_with('/') ? std::string(path)
                                              : facts_.prefix() + std::string(path));
}

bool Build::error(Position at, std::string message, std::string expectation) {
    return diagnostics_.add(
        {.at = at, .message = std::move(message), .expectation = std::move(expectation)});
}

bool Build::error(const Argument& at, std::string message, std::string expectation) {
    return diagnostics_.add({.at = at.at,
                             .message = std::move(message),
                             .expectation = std::move(expectation),
                             .width = std::max<std::size_t>(1, at.text.size())});
}

bool Build::error(const Directive& at, std::string message, std::string expectation) {
    return diagnostics_.add({.at = at.at,
                             .message = std::move(message),
                             .expectation = std::move(expectation),
                             .width = at.name.size()});
}

void Build::warn(Position at, std::string message, std::string expectation) {
    diagnostics_.add({.severity = Severity::Warning,
                      .at = at,
                      .message = std::move(message),
                      .expectation = std::move(expectation)});
}

bool Build::invalid(const Directive& directive, const Argument& value, std::string expectation) {
    return error(value,
                 "invalid value \"" + std::string(value.text) + "\" in \"" +
                     std::string(directive.name) + "\" directive",
                 std::move(expectation));
}

}  // namespace sluice::conf
