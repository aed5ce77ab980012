// SPDX-License-Identifier: BSD-2-Clause
// The fault switch: one debug hook that lets the tests make a process misbehave on purpose, by
// SLUICE_FAULT=name[,name…] in the environment. Read once at start; unset, it costs one load.
// Runs in: any.
#pragma once

#include <string_view>

namespace sluice::sys {

/// A misbehaviour of a child process that the tests ask for.
enum class Fault : unsigned {
    CanaryCrash,    ///< "canary-crash": a reload's canary aborts
    CanaryHang,     ///< "canary-hang": a reload's canary never answers
    PrepareSilent,  ///< "prepare-silent": workers do not answer Prepare
    CommitSilent,   ///< "commit-silent": workers do not answer Commit of a reload
    EarlyDeath,     ///< "early-death": a worker aborts right after its birth
    UpgradeFails,   ///< "upgrade-fails": a program started by USR2 exits at once
    ColdFiles,      ///< "cold-files": no file is ever found in memory, the pool must load it
    HungFiles,      ///< "hung-files": loading a name with "hang" waits for a file "<name>.go"
    NoWatches,      ///< "no-watches": inotify refuses every watch with ENOSPC
};

/// Reads SLUICE_FAULT. Call once in main().
void read_faults();
/// Turns one fault on or off by its name; false for an unknown name.
bool set_fault(std::string_view name, bool on);
[[nodiscard]] bool has_fault(Fault fault);
/// By its name; false for an unknown one.
[[nodiscard]] bool has_fault(std::string_view name);

}  // namespace sluice::sys
