// SPDX-License-Identifier: BSD-2-Clause
// Shared zones in custody.
// Runs in: master.
#include "master/zones.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "shm/zone_file.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

std::string place_of(const conf::Generation& generation, const conf::Position& at) {
    if (at.line == 0 || at.file >= generation.tree().files.size()) {
        return {};
    }
    return fmt::format(" in {}:{}", generation.tree().files[at.file].path, at.line);
}

std::string key_of(const conf::ZoneSpec& spec) {
    return fmt::format("{} {} {} {} {} {}", spec.use.kind, spec.use.layout, spec.use.cell_bytes,
                       spec.bytes, spec.shards, spec.name);
}

shm::ZoneSize size_of(const conf::ZoneSpec& spec) {
    return {.bytes = spec.bytes, .shards = spec.shards};
}

}  // namespace

shm::ZoneKind kind_of(const conf::ZoneSpec& spec) {
    return {.name = spec.use.kind, .layout = spec.use.layout, .cell_bytes = spec.use.cell_bytes};
}

void Zones::inherit(const std::string& key, sys::UniqueFd fd) {
    inherited_[key] = std::move(fd);
}

std::expected<void, std::vector<std::string>> Zones::open(const conf::Generation& next) {
    std::vector<std::string> errors;
    for (const std::unique_ptr<conf::ZoneSpec>& spec : next.zones()) {
        if (Outcome opened = open_one(*spec); !opened) {
            errors.push_back(opened.error() + place_of(next, spec->at));
        }
    }
    if (!errors.empty()) {
        roll_back();
        return std::unexpected(std::move(errors));
    }
    return {};
}

Zones::Outcome Zones::open_one(const conf::ZoneSpec& spec) {
    if (const auto held = held_.find(spec.id); held != held_.end()) {
        const std::string& keys = held->second.keys;
        if (!keys.empty() && keys != spec.keys) {
            // The entries that are there belong to other keys.
            return std::unexpected(
                fmt::format("{} \"{}\" uses the \"{}\" key while previously it used the \"{}\" key",
                            spec.directive, spec.name, spec.keys, keys));
        }
        return {};
    }
    const bool was_in_use = is_in_use(spec.name);
    bool is_new = false;
    Result<shm::Zone> zone = adopt_or_create(spec, is_new);
    if (!zone) {
        return std::unexpected(
            fmt::format("zone \"{}\": {}", spec.name, log::Failure{zone.error()}));
    }
    if (was_in_use) {
        note(log::Level::Notice, "zone \"{}\" changes its size or use: the new one begins empty",
             spec.name);
    } else if (is_new && !spec.state_path.empty()) {
        restore(spec, *zone);
    }
    held_.emplace(spec.id, Held{.zone = std::move(*zone),
                                .name = std::string(spec.name),
                                .key = key_of(spec),
                                .keys = std::string(spec.keys),
                                .is_candidate = true});
    return {};
}

Result<shm::Zone> Zones::adopt_or_create(const conf::ZoneSpec& spec, bool& is_new) {
    const auto inherited = inherited_.find(key_of(spec));
    if (inherited != inherited_.end()) {
        sys::UniqueFd fd = std::move(inherited->second);
        inherited_.erase(inherited);
        if (auto zone = shm::Zone::attach(kind_of(spec), size_of(spec), std::move(fd)); zone) {
            return zone;
        }
        note(log::Level::Warn,
             "zone \"{}\" of the old program is of another layout: the new one begins empty",
             spec.name);
    }
    is_new = true;
    return shm::Zone::create(kind_of(spec), size_of(spec));
}

bool Zones::is_in_use(std::string_view name) const {
    return std::any_of(held_.begin(), held_.end(), [&](const auto& entry) {
        return !entry.second.is_candidate && entry.second.name == name;
    });
}

/// Tells at once what would else be told when the server ends and the entries are lost.
void Zones::try_saving(const conf::ZoneSpec& spec) {
    const std::string path = fmt::format("{}.{}.tmp", spec.state_path, sys::own_pid());
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
    if (const auto file = sys::open(path.c_str(), kFlags, 0600); file) {
        static_cast<void>(sys::unlink(path.c_str()));
    } else {
        note(log::Level::Error, "zone \"{}\" cannot be saved: {}", spec.name,
             log::Failure{file.error(), "\"" + path + "\""});
    }
}

void Zones::restore(const conf::ZoneSpec& spec, const shm::Zone& zone) {
    try_saving(spec);
    const std::string path(spec.state_path);
    // Heads of cells are larger than those of records, so a file is no larger than its zone.
    const Result<std::string> bytes = sys::read_file(path.c_str(), spec.bytes + 4096);
    if (!bytes) {
        if (bytes.error().code != ENOENT) {
            note(log::Level::Error, "zone \"{}\" begins empty: {}", spec.name,
                       log::Failure{bytes.error(), "\"" + path + "\""});
        }
        return;
    }
    if (owner_.tid() == 0 && !sys::RobustOwner::start(owner_)) {
        return;
    }
    shm::ZoneUser user(zone, owner_);
    const shm::ZoneClocks clocks{.monotonic = sys::monotonic_now(), .wall = sys::wall_now()};
    const auto restored =
        shm::restore_zone(user, spec.use.kind, spec.use.layout, clocks, *bytes);
    if (!restored) {
        note(log::Level::Error, "zone \"{}\" begins empty: \"{}\" is refused: {}", spec.name,
                   path, restored.error());
        return;
    }
    note(log::Level::Notice,
         "zone \"{}\": {} entries restored from \"{}\", {} had expired, {} found no room", spec.name,
         restored->entries, path, restored->expired, restored->refused);
}

void Zones::roll_back() {
    std::erase_if(held_, [](const auto& entry) { return entry.second.is_candidate; });
}

void Zones::commit(const conf::Generation& next) {
    for (auto& [id, held] : held_) {
        held.is_candidate = false;
    }
    std::erase_if(held_, [&](const auto& entry) {
        return std::none_of(next.zones().begin(), next.zones().end(),
                            [&](const auto& spec) { return spec->id == entry.first; });
    });
}

std::vector<ZonesMessage> Zones::messages(const conf::Generation& generation) const {
    std::vector<ZonesMessage> out;
    for (const std::unique_ptr<conf::ZoneSpec>& spec : generation.zones()) {
        if (out.empty() || out.back().fds.size() == ipc::kMaxFds) {
            out.emplace_back();
        }
        out.back().message.ids.push_back(spec->id);
        out.back().fds.push_back(fd_of(spec->id));
    }
    return out;
}

std::vector<ZoneHeirloom> Zones::heirlooms() const {
    std::vector<ZoneHeirloom> out;
    for (const auto& [id, held] : held_) {
        if (!held.is_candidate) {
            out.push_back({.key = held.key, .fd = held.zone.fd()});
        }
    }
    return out;
}

const shm::Zone* Zones::find(ZoneId id) const {
    const auto found = held_.find(id);
    return found == held_.end() ? nullptr : &found->second.zone;
}

int Zones::fd_of(ZoneId id) const {
    const shm::Zone* const zone = find(id);
    return zone == nullptr ? -1 : zone->fd();
}

}  // namespace sluice::master
