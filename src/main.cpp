// SPDX-License-Identifier: BSD-2-Clause
// main: reads the command line and picks the role. It knows the process rooms and introduces them to
// one another as Roles; they never include each other.
// Runs in: any (the command line), master.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>
#include <string_view>

#include "conf/explain.h"
#include "logger/run.h"
#include "master/probe.h"
#include "master/reading.h"
#include "master/start.h"
#include "registry/registry.h"
#include "script/reference.h"
#include "sys/fault.h"
#include "sys/file.h"
#include "sys/process.h"
#include "worker/explain.h"
#include "worker/run.h"

namespace {

constexpr std::string_view kDefaultPrefix = SLUICE_PREFIX;
constexpr std::string_view kDefaultFile = "conf/sluice.conf";
constexpr std::string_view kDefaultErrorLog = "logs/error.log";
constexpr sluice::Millis kProbeLimit{5'000};

struct Options {
    std::string file;
    std::string prefix;
    std::string error_log;
    std::string globals;
    std::string order;
    std::string explain;
    std::string probe;
    bool tests = false;
    bool dumps = false;
    bool is_quiet = false;
    bool shows_version = false;
    bool shows_build = false;
    bool shows_reference = false;
    bool shows_logs = false;
    sluice::master::LogWishes logs;
    bool lints = false;
    sluice::master::LintWishes lint;
    bool diffs = false;
    sluice::master::DiffWishes diff;
    bool explains_request = false;
    sluice::worker::ExplainWishes questions;
};

void add_options(CLI::App& app, Options& options) {
    app.add_option("-c", options.file, "configuration file, below the prefix unless absolute")
        ->type_name("FILE");
    app.add_option("-p", options.prefix, "prefix: directory that relative paths start from")
        ->type_name("DIR");
    app.add_option("-e", options.error_log, "error log until error_log says otherwise")
        ->type_name("FILE");
    app.add_option("-g", options.globals, "directives before those of the configuration file")
        ->type_name("TEXT");
    app.add_flag("-t", options.tests, "test the configuration and exit");
    app.add_flag("-T", options.dumps, "test the configuration, print it and exit");
    app.add_flag("-q", options.is_quiet, "print errors only while testing");
    app.add_option("-s", options.order, "send an order to the running master")
        ->type_name("reload|quit|stop|reopen|upgrade|stats|workers=N|loglevel=LEVEL");
    app.add_flag("-v", options.shows_version, "print the version and exit");
    app.add_flag("-V", options.shows_build, "print version and build and exit");
    app.add_option("--explain", options.explain, "explain a directive or $variable and exit")
        ->type_name("NAME");
    app.add_flag("--reference", options.shows_reference,
                 "print docs/directives.md, which is made of the directives' rows, and exit");
    app.add_option("--probe", options.probe, "get a URL; exit 0 where the answer is 2xx or 3xx")
        ->type_name("URL");
}

void add_logs_command(CLI::App& app, Options& options) {
    CLI::App& logs = *app.add_subcommand(
        "logs", "search the recent log records of the running server, out of its memory");
    logs.fallthrough();  // -p and -c may stand behind the word
    logs.callback([&options] { options.shows_logs = true; });
    sluice::master::LogWishes& wishes = options.logs;
    logs.add_flag("-f,--follow", wishes.follows, "go on with new records as they come");
    CLI::Option* const status =
        logs.add_option("--status", wishes.status, "requests with a status: 404, 5xx, 404,5xx")
            ->type_name("STATUS");
    CLI::Option* const uri = logs.add_option("--uri", wishes.uri, "requests whose target matches a regular expression")
        ->type_name("REGEX");
    CLI::Option* const since = logs.add_option("--since", wishes.since, "records not older than a time: 30s, 5m, 1h")
        ->type_name("TIME");
    logs.add_option("--level", wishes.level, "error lines of this level and graver")
        ->type_name("LEVEL");
    logs.add_option("-n,--lines", wishes.last, "the last so many; with --follow 10, else all")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    CLI::Option* const json = logs.add_flag("--json", wishes.is_json, "an object for each record");
    logs.add_option("--queue", wishes.queue, "take the lines of error_log mq:/NAME instead, the gravest first")
        ->type_name("/NAME")
        ->excludes(status, uri, since, json);
}

void add_lint_command(CLI::App& app, Options& options) {
    CLI::App& lint = *app.add_subcommand(
        "lint", "warn of known traps in a correct configuration; exits 2 where there are some");
    lint.fallthrough();
    lint.callback([&options] { options.lints = true; });
    lint.add_flag("--json", options.lint.is_json, "an object for each warning, one a line");
    lint.add_flag("--rules", options.lint.shows_rules, "print docs/lint.md, all rules, and exit");
}

void add_diff_command(CLI::App& app, Options& options) {
    CLI::App& diff = *app.add_subcommand(
        "diff", "show what a reload of the running server would change");
    diff.fallthrough();
    diff.callback([&options] { options.diffs = true; });
    diff.add_flag("--exit-code", options.diff.tells_code,
                  "exit with 1 where something would change, 2 where that cannot be told");
    diff.add_option("--pid-file", options.diff.pid_file,
                    "pid file of the running server, where the new configuration names another")
        ->type_name("FILE");
}

void add_explain_command(CLI::App& app, Options& options) {
    CLI::App& explain = *app.add_subcommand(
        "explain", "show what the server would answer to a request, and every decision on the way");
    explain.fallthrough();  // -p and -c may stand behind the word
    explain.callback([&options] { options.explains_request = true; });
    sluice::worker::ExplainWishes& wishes = options.questions;
    explain.add_option("URL", wishes.urls, "http://host/path?query; -: one a line from standard input")
        ->required();
    explain.add_option("-X,--request", wishes.method, "method of the request")
        ->type_name("METHOD");
    explain.add_option("-H,--header", wishes.fields, "a field of the request; may be repeated")
        ->type_name("'NAME: VALUE'")
        ->allow_extra_args(false);
    explain.add_option("--client", wishes.client, "address that the request comes from")
        ->type_name("ADDRESS");
    explain.add_option("--connect", wishes.connect, "listening address that it comes in on")
        ->type_name("ADDRESS:PORT");
    explain.add_flag("--json", wishes.is_json, "an object a line for each URL");
}

void print(int fd, const std::string& text) {
    // Nowhere is left to report a failure to write to a standard descriptor.
    static_cast<void>(sluice::sys::write_all(fd, text));
}

std::string joined(const std::string& directory, std::string_view path) {
    return path.starts_with('/') ? std::string(path) : directory + std::string(path);
}

/// Absolute places, as nginx finds them: -p below the current directory, the rest below -p.
sluice::master::Places places_for(const Options& options) {
    std::string prefix = options.prefix.empty() ? std::string(kDefaultPrefix) : options.prefix;
    if (!prefix.starts_with('/')) {
        prefix = sluice::sys::current_directory().value_or("") + "/" + prefix;
    }
    if (!prefix.ends_with('/')) {
        prefix += '/';
    }
    const std::string file = options.file.empty() ? std::string(kDefaultFile) : options.file;
    const std::string log =
        options.error_log.empty() ? std::string(kDefaultErrorLog) : options.error_log;
    return {.prefix = prefix,
            .main_file = joined(prefix, file),
            .error_log = log == "stderr" ? log : joined(prefix, log)};
}

int explain(const std::string& name) {
    if (name.starts_with('$')) {
        const std::string text =
            sluice::script::explain_variable("http", sluice::registry::http_variables(), name) +
            sluice::script::explain_variable("stream", sluice::registry::stream_variables(), name);
        print(text.empty() ? 2 : 1, text.empty() ? "no variable \"" + name + "\"\n" : text + "\n");
        return text.empty() ? 1 : 0;
    }
    const sluice::conf::Explanation found =
        sluice::conf::explain(sluice::registry::modules(), name);
    print(found.is_known ? 1 : 2, found.text + "\n");
    return found.is_known ? 0 : 1;
}

int explain_request(const sluice::master::Start& start, const Options& options) {
    const auto reading = sluice::master::read_for_command(start);
    return reading ? sluice::worker::explain(reading->generation, reading->identity,
                                             start.places.prefix, options.questions)
                   : 1;
}

int act(const Options& options, int argc, char** argv) {
    if (options.shows_version || options.shows_build) {
        print(2, "sluice version: sluice/" SLUICE_VERSION "\n");
        if (options.shows_build) {
            print(2, "built by " __VERSION__ "\nprefix: " SLUICE_PREFIX "\n");
        }
        return 0;
    }
    if (options.shows_reference) {
        print(1, sluice::conf::reference_markdown(sluice::registry::modules()) +
                     sluice::script::variables_markdown("http", sluice::registry::http_variables()) +
                     sluice::script::variables_markdown("stream", sluice::registry::stream_variables()));
        return 0;
    }
    if (!options.explain.empty()) {
        return explain(options.explain);
    }
    if (!options.probe.empty()) {
        return sluice::master::probe(options.probe, kProbeLimit);
    }
    const sluice::master::Start start{
        .arguments = std::vector<std::string>(argv, argv + argc),
        .places = places_for(options),
        .version = std::string_view(SLUICE_VERSION),
        .globals = options.globals,
        .is_quiet = options.is_quiet,
        .roles = {.worker = sluice::worker::run, .logger = sluice::logger::run},
        .modules = sluice::registry::modules(),
        .counters = sluice::registry::counter_groups(),
        .features = sluice::registry::features()};
    if (options.shows_logs) {
        return sluice::master::show_logs(start, options.logs);
    }
    if (options.lints) {
        return sluice::master::show_lint(start, options.lint);
    }
    if (options.diffs) {
        return sluice::master::show_diff(start, options.diff);
    }
    if (options.explains_request) {
        return explain_request(start, options);
    }
    if (!options.order.empty()) {
        return sluice::master::send_order(start, options.order);
    }
    if (options.tests || options.dumps) {
        return sluice::master::test(start, options.dumps);
    }
    return sluice::master::run(start);
}

}  // namespace

int main(int argc, char** argv) {
    // Before anything opens a descriptor that could land on 0, 1 or 2, and before any signal could
    // find a default disposition.
    if (!sluice::sys::block_all_signals() || !sluice::sys::fill_standard_fds()) {
        return 1;
    }
    sluice::sys::read_faults();
    CLI::App app("sluice, a web server");
    app.name("sluice");
    app.set_help_flag("-h,-?,--help", "print this help and exit");
    Options options;
    try {
        add_options(app, options);
        add_logs_command(app, options);
        add_lint_command(app, options);
        add_diff_command(app, options);
        add_explain_command(app, options);
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    } catch (const std::exception& error) {
        print(2, std::string("sluice: ") + error.what() + "\n");
        return 1;
    }
    // The arguments are copied by act() before the title overwrites them.
    sluice::sys::keep_argv(argc, argv);
    return act(options, argc, argv);
}
