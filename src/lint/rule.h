// SPDX-License-Identifier: BSD-2-Clause
// Rule: one known trap: its name, what it does to users, how to get out of it, an example that falls
// into it and a near one that does not, and the function that finds it. docs/lint.md and the test of
// each rule are made of these rows.
// Runs in: any (the command line).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/generation.h"
#include "conf/tree.h"
#include "lint/site_view.h"

namespace sluice::lint {

/// What is examined: a compiled configuration and where it would run.
struct Subject {
    const conf::Generation& generation;
    std::string prefix;  ///< -p: absolute, ends in '/'
    /// Whether a file or directory of that name is on this machine.
    bool (*exists)(const std::string& path) = nullptr;
};

/// A directive and the blocks around it. Lives: while the walk is there.
struct Place {
    const conf::Directive* directive = nullptr;  ///< null: the whole configuration
    std::span<const conf::Directive> block;      ///< what is in it
    const Place* outer = nullptr;
};

/// A trap that was found.
struct Finding {
    std::string_view id;
    conf::Position at{};
    std::size_t width = 1;  ///< bytes under the caret
    std::string message;
    std::string fix;
};

class Report;

struct Rule {
    std::string_view id;  ///< stable: stands in comments of configurations
    /// Names of the directives that it is called for, with spaces between; empty: once, for all.
    std::string_view on;
    std::string_view harm;  ///< what goes wrong, one sentence
    std::string_view fix;
    std::string_view bad;   ///< what stands in `http { }` and falls into the trap
    std::string_view good;  ///< nearly the same, which does not
    void (*check)(const Place& place, Report& report) = nullptr;
};

/// Where rules put what they find.
class Report {
  public:
    Report(const Subject& subject, const SiteView& site) : subject_(subject), site_(site) {}

    [[nodiscard]] const Subject& subject() const { return subject_; }

    [[nodiscard]] const conf::Tree& tree() const { return subject_.generation.tree(); }

    [[nodiscard]] const SiteView& site() const { return site_; }

    /// The fix is the rule's own unless `fix` says something better.
    void add(const conf::Directive& directive, std::string message, std::string fix = {});
    void add(conf::Position at, std::string message, std::string fix = {});

    void begin(const Rule& rule) { rule_ = &rule; }

    [[nodiscard]] std::vector<Finding>& findings() { return findings_; }

  private:
    const Subject& subject_;
    const SiteView& site_;
    const Rule* rule_ = nullptr;
    std::vector<Finding> findings_;
};

}  // namespace sluice::lint
