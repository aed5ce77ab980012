// SPDX-License-Identifier: BSD-2-Clause
// Start: what the command line decided; and the entries of this room.
// Runs in: master, the command line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/module.h"
#include "master/child.h"
#include "master/live_facts.h"
#include "master/log_filter.h"
#include "metrics/row.h"

namespace sluice::master {

struct Start {
    std::vector<std::string> arguments;  ///< argv, for an upgrade
    Places places;
    std::string_view version;
    std::string globals;    ///< -g
    bool is_quiet = false;  ///< -q
    Roles roles;
    std::span<const conf::Module* const> modules;
    metrics::Schema counters;        ///< what is counted
    conf::FeatureLists features{};  ///< conf::CompileOptions::features
};

/// What `sluice lint` was asked for.
struct LintWishes {
    bool is_json = false;
    bool shows_rules = false;  ///< print docs/lint.md instead
};

/// What `sluice diff` was asked for.
struct DiffWishes {
    std::string pid_file;     ///< empty: what the configuration says
    bool tells_code = false;  ///< exit with 1 for changes, 2 for trouble
};

/// Runs the server. Gives the exit code.
/// Blocks: for the server's life; with `daemon on` until the server is ready or has failed.
[[nodiscard]] int run(const Start& start);

/// -t, and -T with `dumps`: checks the configuration and that its files can be opened.
[[nodiscard]] int test(const Start& start, bool dumps);

/// -s: sends an order to the running master; `reload` waits for the outcome.
[[nodiscard]] int send_order(const Start& start, std::string_view word);

/// `sluice logs`: prints recent log records of the running server out of its shared memory.
/// Blocks: with LogWishes::follows until the server ends or a signal comes.
[[nodiscard]] int show_logs(const Start& start, const LogWishes& wishes);

/// `sluice lint`: warns of known traps. Gives 0 for none, 1 where the configuration has errors, 2
/// for some.
[[nodiscard]] int show_lint(const Start& start, const LintWishes& wishes);

/// `sluice diff`: shows what a reload of the running server would change. Gives 0, or 1 where there
/// is no server or no sound configuration.
[[nodiscard]] int show_diff(const Start& start, const DiffWishes& wishes);

}  // namespace sluice::master
