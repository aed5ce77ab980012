// SPDX-License-Identifier: BSD-2-Clause
// Log targets as directives write them: one reader for error_log, access_log and whatever logs:
//
//     /path  stderr  stdout  /dev/stdout  syslog:server=…,…  "|command | command"  fifo:/path  mq:/name
//
// and for the options behind them: buffer=, flush=, gzip. A directive parses, adds options, declares.
// Runs in: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"
#include "conf/build.h"
#include "conf/sink_spec.h"
#include "conf/tree.h"

namespace sluice::log {

/// What a target means before any option; nothing: an error was reported, in nginx's words where
/// nginx has the target. Texts live in the generation's arena.
[[nodiscard]] std::optional<conf::SinkSpec> parse_sink(conf::Build& build,
                                                       const conf::Directive& directive,
                                                       const conf::Argument& target);

/// Whether an argument was an option of the sink.
enum class SinkOption : std::uint8_t { Taken, NotOne, Refused };

/// Reads `buffer=size`, `flush=time`, `gzip` or `gzip=level` into `spec`. Refused: an error was
/// reported.
[[nodiscard]] SinkOption read_sink_option(conf::Build& build,
                                          const conf::Argument& option,
                                          conf::SinkSpec& spec);

/// Checks the options against one another and against what was declared of that target before, and
/// declares it; nothing: an error was reported.
[[nodiscard]] std::optional<SinkId> declare_sink(conf::Build& build,
                                                 const conf::Directive& directive,
                                                 conf::SinkSpec spec);

/// Words of a pipeline, without a shell: `zgrep -v "a b" | tee 'x y'`. Blanks separate words; quotes
/// and backslashes keep them together; nothing: an error was reported.
[[nodiscard]] std::optional<std::span<const conf::Command>> parse_commands(
    conf::Build& build, const conf::Argument& at, std::string_view text);

}  // namespace sluice::log
