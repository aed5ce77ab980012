// SPDX-License-Identifier: BSD-2-Clause
// RunningServer: the configuration that a running master has in force, out of its own memory: the
// bundle of its generation, compiled here. The files on disk may have changed since.
// Runs in: any (the command line).
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <sys/types.h>

#include "conf/bundle.h"
#include "conf/generation.h"
#include "master/candidate.h"
#include "master/start.h"

namespace sluice::master {

struct RunningServer {
    pid_t pid = 0;
    std::uint32_t workers = 0;  ///< wanted now, by the configuration or an order
    std::string level;          ///< by an order; empty: as configured
    std::unique_ptr<conf::Replay> replay;
    conf::GenerationRef generation;
};

/// Asks the master that a pid file names. Fails: one sentence.
/// Blocks: up to 5 s.
[[nodiscard]] std::expected<RunningServer, std::string> find_running(const Start& start,
                                                                     const std::string& pid_path);

/// What that server would make of the configuration at its next reload: the files are read now, the
/// environment, the prefix and the CPUs are the server's.
[[nodiscard]] std::expected<Configuration, std::vector<std::string>> read_as(
    const RunningServer& server, const Start& start);

}  // namespace sluice::master
