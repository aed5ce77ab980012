// SPDX-License-Identifier: BSD-2-Clause
// Mapping zones for a generation.
// Runs in: worker.
#include "worker/zones.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "log/log.h"
#include "shm/zone_user.h"

namespace sluice::worker {

namespace {

/// A mapping and this thread's way to it.
struct Attached {
    Attached(shm::Zone mapped, sys::RobustOwner& owner) : zone(std::move(mapped)), user(zone, owner) {}

    Attached(const Attached&) = delete;
    Attached& operator=(const Attached&) = delete;

    shm::Zone zone;
    shm::ZoneUser user;
};

}  // namespace

void Zones::take(const ipc::Zones& zones, std::vector<sys::UniqueFd>& fds) {
    for (std::size_t i = 0; i < zones.ids.size(); ++i) {
        taken_[zones.ids[i]] = std::move(fds[i]);
    }
}

std::expected<void, std::string> Zones::attach(conf::Generation& generation) {
    std::map<ZoneId, sys::UniqueFd> taken = std::exchange(taken_, {});
    if (generation.zones().empty()) {
        return {};
    }
    if (owner_.tid() == 0) {
        if (const Result<> started = sys::RobustOwner::start(owner_); !started) {
            return std::unexpected(fmt::format("{}", log::Failure{started.error()}));
        }
    }
    for (const std::unique_ptr<conf::ZoneSpec>& spec : generation.zones()) {
        const auto found = taken.find(spec->id);
        if (found == taken.end()) {
            return std::unexpected(fmt::format("zone \"{}\" was not handed over", spec->name));
        }
        const shm::ZoneKind kind{.name = spec->use.kind,
                                 .layout = spec->use.layout,
                                 .cell_bytes = spec->use.cell_bytes};
        Result<shm::Zone> zone = shm::Zone::attach(
            kind, {.bytes = spec->bytes, .shards = spec->shards}, std::move(found->second));
        if (!zone) {
            return std::unexpected(fmt::format(
                "zone \"{}\": {}", spec->name, log::Failure{zone.error()}));
        }
        Attached& attached =
            generation.keep(std::make_unique<Attached>(std::move(*zone), owner_));
        spec->attached = &attached.user;
    }
    return {};
}

}  // namespace sluice::worker
