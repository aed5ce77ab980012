// SPDX-License-Identifier: BSD-2-Clause
// Comparing what two generations ask the master for.
// Runs in: any; changed_rows in the master too.
#include "conf/difference.h"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace sluice::conf {

namespace {

// ---- settings of processes ----

void append(std::string& out, const Directive& directive) {
    for (const Argument& argument : directive.args) {
        out += '\1';
        out += argument.text;
    }
    out += '\2';
}

/// What is written of the directives of main and events, by name.
using Written = std::map<std::string_view, std::string>;

Written written_in(const Generation& generation) {
    Written out;
    for (const Directive& directive : generation.tree().directives) {
        append(out[directive.name], directive);
        if (directive.name == "events") {
            for (const Directive& child : directive.children) {
                append(out[child.name], child);
            }
        }
    }
    return out;
}

/// The row's effective text: as written, or its default, in the form that append() gives.
std::string effective_text(const Row& row, const Written& written, bool is_compat) {
    const auto found = written.find(row.name);
    if (found != written.end()) {
        return found->second;
    }
    const bool is_better = row.has_better && !is_compat;
    std::string text(is_better ? row.better_text : row.default_text);
    std::replace(text.begin(), text.end(), ' ', '\1');
    return text.empty() ? text : '\1' + text + '\2';
}

// ---- addresses ----

void add_number(std::string& out, std::string_view name, int before, int after) {
    if (before != after) {
        out += fmt::format("{}{} {} → {}", out.empty() ? "" : ", ", name, before, after);
    }
}

void add_flag(std::string& out, std::string_view name, bool before, bool after) {
    if (before != after) {
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, after ? "on" : "off");
    }
}

/// Options that a socket keeps from the day it was opened.
std::string lasting_options(const ListenOptions& old, const ListenOptions& next) {
    std::string out;
    add_flag(out, "reuseport", old.reuseport, next.reuseport);
    add_flag(out, "ipv6only", old.ipv6only, next.ipv6only);
    add_flag(out, "deferred", old.deferred, next.deferred);
    add_flag(out, "so_keepalive", old.so_keepalive, next.so_keepalive);
    add_number(out, "so_keepalive's idle time", old.keepalive_idle, next.keepalive_idle);
    add_number(out, "so_keepalive's interval", old.keepalive_interval, next.keepalive_interval);
    add_number(out, "so_keepalive's count", old.keepalive_count, next.keepalive_count);
    add_number(out, "rcvbuf", old.rcvbuf, next.rcvbuf);
    add_number(out, "sndbuf", old.sndbuf, next.sndbuf);
    add_number(out, "fastopen", old.fastopen, next.fastopen);
    return out;
}

// ---- logs ----

std::string buffering_of(const SinkBuffering& buffering) {
    if (buffering.size.count == 0) {
        return "unbuffered";
    }
    std::string out = fmt::format("buffer={}", buffering.size.count);
    if (buffering.flush.count() > 0) {
        out += fmt::format(" flush={}ms", buffering.flush.count());
    }
    return buffering.gzip_level == 0 ? out : out + fmt::format(" gzip={}", buffering.gzip_level);
}

std::string sink_detail(const SinkSpec& old, const SinkSpec& next) {
    if (old.buffering != next.buffering) {
        return fmt::format("{} → {}", buffering_of(old.buffering), buffering_of(next.buffering));
    }
    if (old.syslog != next.syslog) {
        return "syslog options";
    }
    if (old.file_cache != next.file_cache) {
        return "open_log_file_cache";
    }
    if (old.alert_pause != next.alert_pause) {
        return fmt::format("pause {}ms → {}ms", old.alert_pause.count(), next.alert_pause.count());
    }
    return {};
}

// ---- zones ----

std::string size_text(std::uint64_t bytes) {
    constexpr std::uint64_t kKilo = 1024;
    if (bytes % (kKilo * kKilo) == 0) {
        return fmt::format("{}m", bytes / (kKilo * kKilo));
    }
    return bytes % kKilo == 0 ? fmt::format("{}k", bytes / kKilo) : fmt::format("{}", bytes);
}

/// Empty: nothing that matters to the zone has changed.
ResourceChange zone_change(const ZoneSpec& old, const ZoneSpec& next) {
    ResourceChange out{.name = std::string(next.name), .before = old.at, .after = next.at};
    if (old.bytes != next.bytes) {
        out.detail = fmt::format("{} → {}", size_text(old.bytes), size_text(next.bytes));
    } else if (old.use != next.use || old.shards != next.shards) {
        out.detail = fmt::format("{} → {}", old.directive, next.directive);
    }
    if (!out.detail.empty()) {
        out.note = "the new one begins empty";
    } else if (!old.keys.empty() && old.keys != next.keys) {
        out.detail = fmt::format("key \"{}\" → \"{}\"", old.keys, next.keys);
        out.note = "a reload is refused: a zone in use keeps its key, give the new one another name";
    } else if (old.state_path != next.state_path) {
        out.detail = fmt::format("kept in \"{}\" → \"{}\"", old.state_path, next.state_path);
    }
    return out;
}

/// Matches what both have by its key; `compare` gives the change of a pair, without a detail where
/// there is none.
template <class Spec, class KeyOf, class Compare>
std::vector<ResourceChange> matched(const std::vector<const Spec*>& old,
                                    const std::vector<const Spec*>& next,
                                    const KeyOf& key_of,
                                    const Compare& compare) {
    std::map<std::string_view, const Spec*> left;
    for (const Spec* const spec : old) {
        left.emplace(key_of(*spec), spec);
    }
    std::vector<ResourceChange> out;
    for (const Spec* const spec : next) {
        const auto found = left.find(key_of(*spec));
        if (found == left.end()) {
            out.push_back({.kind = ChangeKind::Added,
                           .name = std::string(key_of(*spec)),
                           .after = spec->at});
            continue;
        }
        if (ResourceChange change = compare(*found->second, *spec); !change.detail.empty()) {
            out.push_back(std::move(change));
        }
        left.erase(found);
    }
    for (const auto& [key, spec] : left) {
        out.push_back(
            {.kind = ChangeKind::Removed, .name = std::string(key), .before = spec->at});
    }
    return out;
}

std::vector<const ZoneSpec*> zones_of(const Generation& generation) {
    std::vector<const ZoneSpec*> out;
    for (const std::unique_ptr<ZoneSpec>& zone : generation.zones()) {
        out.push_back(zone.get());
    }
    return out;
}

std::vector<const SinkSpec*> sinks_of(const Generation& generation) {
    std::vector<const SinkSpec*> out;
    for (const SinkSpec& sink : generation.sinks()) {
        out.push_back(&sink);
    }
    return out;
}

}  // namespace

std::vector<ResourceChange> listener_changes(const Generation& old, const Generation& next) {
    const std::vector<const ListenSpec*> before(old.listens().begin(), old.listens().end());
    const std::vector<const ListenSpec*> after(next.listens().begin(), next.listens().end());
    return matched(
        before, after, [](const ListenSpec& spec) { return spec.key; },
        [](const ListenSpec& from, const ListenSpec& to) {
            ResourceChange out{.name = std::string(to.key), .before = from.at, .after = to.at};
            const std::string lasting = lasting_options(from.options, to.options);
            add_number(out.detail, "backlog", from.options.backlog, to.options.backlog);
            if (!lasting.empty()) {
                out.detail += (out.detail.empty() ? "" : ", ") + lasting;
                out.note = lasting + " with the next restart only: the socket stays open";
            }
            return out;
        });
}

std::vector<ResourceChange> sink_changes(const Generation& old, const Generation& next) {
    return matched(
        sinks_of(old), sinks_of(next), [](const SinkSpec& spec) { return spec.target; },
        [](const SinkSpec& from, const SinkSpec& to) {
            return ResourceChange{.name = std::string(to.target),
                                  .detail = sink_detail(from, to),
                                  .before = from.at,
                                  .after = to.at};
        });
}

std::vector<ResourceChange> zone_changes(const Generation& old, const Generation& next) {
    return matched(
        zones_of(old), zones_of(next), [](const ZoneSpec& spec) { return spec.name; },
        zone_change);
}

std::vector<const Row*> changed_rows(const Generation& old, const Generation& next) {
    const Written before = written_in(old);
    const Written after = written_in(next);
    std::vector<const Row*> out;
    for (const Module* module : next.main_level().modules) {
        for (const Row& row : module->kind->rows) {
            const bool is_relevant =
                (row.contexts & (kMain | kEvents)) != 0 && row.how_applied != Applies::InPlace;
            if (is_relevant && effective_text(row, before, old.is_compat()) !=
                                   effective_text(row, after, next.is_compat())) {
                out.push_back(&row);
            }
        }
    }
    return out;
}

}  // namespace sluice::conf
