// SPDX-License-Identifier: BSD-2-Clause
// server_name: names, wildcards and patterns by which servers of http and stream are chosen.
// Runs in: any (while a configuration is compiled).
#pragma once

#include <string_view>
#include <vector>

#include "conf/build.h"
#include "conf/tree.h"
#include "script/pattern.h"

namespace sluice::script {

/// Lives: as long as the generation.
struct ServerName {
    std::string_view name;             ///< lower case; a pattern as it was written
    const Pattern* pattern = nullptr;  ///< null: a name or a wildcard
    conf::Position at;
};

/// Adds the arguments of `server_name` to `out`. False: an error was reported.
[[nodiscard]] bool read_server_names(conf::Build& build,
                                     const conf::Directive& directive,
                                     std::vector<ServerName>& out);

}  // namespace sluice::script
