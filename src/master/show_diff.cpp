// SPDX-License-Identifier: BSD-2-Clause
// `sluice diff`: compares what the running master has in force with what it would read at a reload.
// Runs in: any (the command line).
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "conf/difference.h"
#include "conf/process_conf.h"
#include "log/journal.h"
#include "master/pause.h"
#include "master/running_server.h"
#include "master/start.h"
#include "sys/file.h"

namespace sluice::master {

namespace {

using conf::ChangeKind;

char sign_of(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::Added:
            return '+';
        case ChangeKind::Removed:
            return '-';
        case ChangeKind::Changed:
            return '~';
        case ChangeKind::Moved:
            return '>';
    }
    return ' ';
}

/// Both generations, what is printed of them, and how much that is.
class Report {
  public:
    Report(const conf::Generation& old, const conf::Generation& next) : old_(old), next_(next) {}

    void resources(std::string_view title, const std::vector<conf::ResourceChange>& changes) {
        section(title, changes.empty());
        for (const conf::ResourceChange& one : changes) {
            const std::string detail = one.detail.empty() ? "" : "  " + one.detail;
            line(sign_of(one.kind), one.name + detail, place(one.before, one.after));
            note(one.note);
        }
    }

    void directives(const std::vector<conf::TreeChange>& changes) {
        section("configuration", changes.empty());
        std::string_view path;
        for (const conf::TreeChange& one : changes) {
            if (one.path != path) {
                path = one.path;
                text_ += fmt::format("  {}\n", path);
            }
            const conf::Position none;
            line(sign_of(one.kind), words(one),
                 place(one.before == nullptr ? none : one.before->at,
                       one.after == nullptr ? none : one.after->at),
                 path.empty() ? 0 : 2);
        }
    }

    void section(std::string_view title, bool is_empty) {
        if (!is_empty) {
            text_ += fmt::format("{}{}\n", text_.empty() ? "" : "\n", title);
        }
    }

    void line(char sign, std::string_view words, std::string_view where, int indent = 0) {
        ++changes_;
        text_ += fmt::format("  {:{}}{} {}{}{}\n", "", indent, sign, words,
                             where.empty() ? "" : "    ", where);
    }

    void note(std::string_view words) {
        if (!words.empty()) {
            text_ += fmt::format("      {}\n", words);
        }
    }

    [[nodiscard]] std::size_t changes() const { return changes_; }

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    static std::string words(const conf::TreeChange& one) {
        switch (one.kind) {
            case ChangeKind::Added:
                return conf::shown(*one.after);
            case ChangeKind::Changed:
                return conf::shown(*one.before) + " → " + conf::shown(*one.after);
            case ChangeKind::Moved:
                return conf::shown(*one.after) + " stands at another place in the order";
            case ChangeKind::Removed:
                break;
        }
        return conf::shown(*one.before);
    }

    static std::string place_in(const conf::Tree& tree, conf::Position at) {
        return at.line == 0 || at.file >= tree.files.size()
                   ? std::string()
                   : fmt::format("{}:{}", tree.files[at.file].path, at.line);
    }

    [[nodiscard]] std::string place(conf::Position before, conf::Position after) const {
        const std::string from = place_in(old_.tree(), before);
        const std::string to = place_in(next_.tree(), after);
        if (from.empty() || to.empty() || from == to) {
            return to.empty() ? from : to;
        }
        return from + " → " + to;
    }

    const conf::Generation& old_;
    const conf::Generation& next_;
    std::string text_;
    std::size_t changes_ = 0;
};

void tell_workers(Report& report, const RunningServer& server, const conf::Generation& next) {
    const std::uint32_t wanted = conf::process_conf(next).worker_processes.value;
    const std::uint32_t configured =
        conf::process_conf(*server.generation).worker_processes.value;
    report.section("workers", wanted == server.workers && server.level.empty());
    if (wanted != server.workers) {
        report.line('~', fmt::format("{} → {} worker processes", server.workers, wanted), {});
        report.note(server.workers == configured
                        ? std::string()
                        : fmt::format("-s workers={} counts until the reload", server.workers));
    }
    if (!server.level.empty()) {
        report.line('~', fmt::format("log level {} → as configured", server.level), {});
        report.note(fmt::format("-s loglevel={} counts until the reload", server.level));
    }
}

/// Answers from outside that have changed while the words that ask for them may not have.
void tell_surroundings(Report& report, const conf::Answers& old, const conf::Answers& next) {
    struct Asked {
        conf::Question question;
        std::string_view words;
    };

    static constexpr Asked kAsked[] = {{conf::Question::Resolve, "addresses of host"},
                                       {conf::Question::User, "ids of user"},
                                       {conf::Question::Group, "id of group"}};
    bool has_title = false;
    for (const auto& [key, answer] : next) {
        const auto known = old.find(key);
        const auto* const asked = std::ranges::find(kAsked, key.first, &Asked::question);
        if (asked == std::end(kAsked) || known == old.end() || known->second == answer) {
            continue;
        }
        report.section("surroundings", std::exchange(has_title, true));
        report.line('~', fmt::format("{} {}: {} → {}", asked->words, key.second,
                                     fmt::join(known->second.values, ", "),
                                     fmt::join(answer.values, ", ")),
                    {});
    }
}

/// How the changes come into force.
std::string applied(const conf::Generation& old, const conf::Generation& next) {
    std::string by_workers;
    std::string by_restart;
    for (const conf::Row* const row : conf::changed_rows(old, next)) {
        std::string& list = row->how_applied == conf::Applies::Restart ? by_restart : by_workers;
        list += fmt::format("{}{}", list.empty() ? "" : ", ", row->name);
    }
    const bool is_asked = conf::process_conf(next).reload_mode.value == conf::ReloadMode::Replace;
    std::string out = by_workers.empty() && !is_asked
                          ? "a reload applies this in the living workers"
                          : "a reload applies this with new workers, because of " +
                                (by_workers.empty() ? "reload_mode" : by_workers);
    if (!by_restart.empty()) {
        out += "; not applied before a restart: " + by_restart;
    }
    return out;
}

int trouble(const DiffWishes& wishes) {
    return wishes.tells_code ? 2 : 1;
}

int refuse_all(const DiffWishes& wishes, const std::vector<std::string>& errors) {
    for (const std::string& error : errors) {
        complain(fmt::format("[emerg] {}", error));
    }
    complain("a reload would be refused");
    return trouble(wishes);
}

/// Where its pid file is; fails: the errors of the configuration that should say it.
std::expected<std::string, std::vector<std::string>> pid_path_of(const Start& start,
                                                                 const DiffWishes& wishes) {
    if (!wishes.pid_file.empty()) {
        return wishes.pid_file.starts_with('/') ? wishes.pid_file
                                                : start.places.prefix + wishes.pid_file;
    }
    Counting counting(start.counters);
    Ids ids(counting);
    auto configuration = read_configuration(start, ids, GenerationNumber{1});
    if (!configuration) {
        return std::unexpected(std::move(configuration).error());
    }
    return std::string(conf::process_conf(*configuration->generation).pid.value);
}

int print_difference(const RunningServer& server,
                     const Configuration& configuration,
                     const DiffWishes& wishes) {
    const conf::Generation& old = *server.generation;
    const conf::Generation& next = *configuration.generation;
    Report report(old, next);
    report.resources("listeners", conf::listener_changes(old, next));
    tell_workers(report, server, next);
    report.resources("logs", conf::sink_changes(old, next));
    report.resources("zones", conf::zone_changes(old, next));
    report.directives(conf::tree_changes(old.tree(), next.tree()));
    if (const auto replay = conf::Replay::open(configuration.bytes); replay) {
        tell_surroundings(report, server.replay->answers(), replay->answers());
    }
    if (report.changes() == 0) {
        static_cast<void>(sys::write_all(
            1, fmt::format("a reload changes nothing: generation {} is what the files say\n",
                           old.number().value)));
        return 0;
    }
    const std::string text = fmt::format("{}\n{}\n", report.text(), applied(old, next));
    return !sys::write_all(1, text) ? trouble(wishes) : wishes.tells_code ? 1 : 0;
}

}  // namespace

int show_diff(const Start& start, const DiffWishes& wishes) {
    log::Journal journal;
    journal.install();
    const auto pid_path = pid_path_of(start, wishes);
    if (!pid_path) {
        return refuse_all(wishes, pid_path.error());
    }
    const auto server = find_running(start, *pid_path);
    if (!server) {
        complain(server.error());
        return trouble(wishes);
    }
    const auto configuration = read_as(*server, start);
    if (!configuration) {
        return refuse_all(wishes, configuration.error());
    }
    if (const std::string& own = server->replay->head().main_file;
        own != start.places.main_file && !start.is_quiet) {
        complain(fmt::format("[warn] this server reads \"{}\" at a reload, not \"{}\"", own,
                             start.places.main_file));
    }
    return print_difference(*server, *configuration, wishes);
}

}  // namespace sluice::master
