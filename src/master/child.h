// SPDX-License-Identifier: BSD-2-Clause
// Child: what the master knows of one process that it started.
// Runs in: master.
#pragma once

#include <cstdint>
#include <optional>
#include <sys/types.h>

#include "base/units.h"
#include "event/pollable.h"
#include "ipc/channel.h"
#include "master/reload.h"

namespace sluice::master {

class Supervisor;

enum class ChildKind : std::uint8_t { Worker, Canary, Logger, Saver };

[[nodiscard]] constexpr const char* name_of(ChildKind kind) {
    switch (kind) {
        case ChildKind::Worker:
            return "worker process";
        case ChildKind::Canary:
            return "canary process";
        case ChildKind::Logger:
            return "logger process";
        case ChildKind::Saver:
            return "zone saving process";
    }
    return "process";
}

/// The role functions. main() passes them, because the process rooms do not know one another.
struct Roles {
    int (*worker)(int channel) = nullptr;
    int (*logger)(int channel) = nullptr;
};

/// Owner: the Supervisor, from birth until its death was reaped and told.
struct Child : event::Pollable {
    Child(Supervisor& supervisor, ipc::Channel end) : owner(supervisor), channel(std::move(end)) {}

    Supervisor& owner;
    ipc::Channel channel;
    ChildId id;
    ChildKind kind = ChildKind::Worker;
    pid_t pid = 0;
    Millis born{};
    std::optional<SlotId> slot;  ///< none for the logger
    std::uint32_t index = 0;     ///< a worker's place, 0 … worker_processes-1
    GenerationNumber told;       ///< the last generation it was told to commit
    bool is_ready = false;       ///< has compiled its first generation
    bool is_retiring = false;    ///< was told to go; not replaced when it dies
    bool is_candidate = false;   ///< started for a replace reload that is not decided
    bool is_replaced = false;    ///< a replace reload was decided without it; retires next
    bool has_committed = false;  ///< serves its first generation
    bool is_killed = false;      ///< by us: its death is no news
    bool has_drained = false;    ///< logger: every lane was empty
    bool watches_output = false;
};

}  // namespace sluice::master
