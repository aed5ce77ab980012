// SPDX-License-Identifier: BSD-2-Clause
// The directives error_log: where a level's error lines go and from which level on; and log_alert:
// which of them run a command.
// Runs in: any.
#pragma once

#include <vector>

#include "conf/generation.h"
#include "conf/module.h"
#include "conf/row.h"
#include "log/destination.h"

namespace sluice::log {

/// log_alert as it stood: a pseudo-sink that every destination gets.
struct AlertTarget {
    SinkId sink{};
    Level level = Level::Alert;
};

/// How a sink's error lines are written: nginx's lines, or JSON objects.
struct SinkFormat {
    SinkId sink{};
    bool is_json = false;
};

/// Settings of error_log at one level. A level that has its own replaces the outer ones.
struct ErrorLogConf {
    conf::Setting<Destination> destination;
    std::vector<AlertTarget> alerts;  ///< at the main level only
    std::vector<SinkFormat> formats;  ///< at the main level only: of every sink that is named
};

/// The feature, for the registry.
extern const conf::Module kErrorLogModule;

/// error_log of `level`; null where the level's modules do not have it.
[[nodiscard]] const Destination* destination_of(const conf::Level& level);

/// error_log of the main level: where lines about no server in particular go.
[[nodiscard]] const Destination& main_destination(const conf::Generation& generation);

/// Whether error lines for `sink` are JSON objects.
[[nodiscard]] bool writes_json(const conf::Generation& generation, SinkId sink);

}  // namespace sluice::log
