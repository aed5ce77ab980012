// SPDX-License-Identifier: BSD-2-Clause
// Candidate: one configuration that the master has read: compiled, and as a sealed memfd that every
// other process compiles again.
// Runs in: master.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "conf/generation.h"
#include "master/live_facts.h"
#include "master/start.h"
#include "sys/unique_fd.h"

namespace sluice::master {

/// A configuration and its bundle.
struct Configuration {
    conf::GenerationRef generation;
    sys::UniqueFd bundle;  ///< sealed; empty until seal()
    std::string bytes;     ///< what seal() puts there
    std::vector<std::string> warnings;
};

/// Reads and compiles. Fails: every error of the configuration, rendered.
[[nodiscard]] std::expected<Configuration, std::vector<std::string>> read_configuration(
    const Start& start, Ids& ids, GenerationNumber number);

/// Puts the bytes into a sealed memfd. Apart from reading, because `daemon on` forks in between.
[[nodiscard]] Result<> seal(Configuration& configuration);

}  // namespace sluice::master
