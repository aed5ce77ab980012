// SPDX-License-Identifier: BSD-2-Clause
// `sluice lint`: reads the configuration as -t does and warns of known traps.
// Runs in: any (the command line).
#include <fcntl.h>

#include <fmt/format.h>

#include "lint/lint.h"
#include "log/journal.h"
#include "master/candidate.h"
#include "master/pause.h"
#include "master/start.h"
#include "sys/file.h"

namespace sluice::master {

namespace {

constexpr int kWarned = 2;  ///< the exit code where there is something to say

bool is_on_disk(const std::string& path) {
    return sys::file_info_at(AT_FDCWD, path.c_str(), true).has_value();
}

void complain_all(std::string_view level, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
        complain(fmt::format("[{}] {}", level, line));
    }
}

}  // namespace

int show_lint(const Start& start, const LintWishes& wishes) {
    log::Journal journal;
    journal.install();
    if (wishes.shows_rules) {
        return sys::write_all(1, lint::rules_markdown()) ? 0 : 1;
    }
    Counting counting(start.counters);
    Ids ids(counting);
    const auto configuration = read_configuration(start, ids, GenerationNumber{1});
    if (!configuration) {
        complain_all("emerg", configuration.error());
        return 1;
    }
    if (!start.is_quiet) {
        complain_all("warn", configuration->warnings);
    }
    const conf::Generation& generation = *configuration->generation;
    const std::vector<lint::Finding> found = lint::examine(
        {.generation = generation, .prefix = start.places.prefix, .exists = is_on_disk});
    std::string text;
    for (const lint::Finding& one : found) {
        text += wishes.is_json ? lint::render_json(one, generation.tree())
                               : lint::render(one, generation.tree()) + "\n";
        text += '\n';
    }
    if (!wishes.is_json && !start.is_quiet) {
        text += found.empty() ? "nothing to warn of\n"
                              : fmt::format("{} {}\n", found.size(),
                                            found.size() == 1 ? "warning" : "warnings");
    }
    if (!text.empty() && !sys::write_all(1, text)) {
        return 1;
    }
    return found.empty() ? 0 : kWarned;
}

}  // namespace sluice::master
