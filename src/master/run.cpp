// SPDX-License-Identifier: BSD-2-Clause
// The entries of the room: the server, the check, the order to a running server.
// Runs in: master, the command line.
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "conf/explain.h"
#include "conf/process_conf.h"
#include "log/log.h"
#include "master/candidate.h"
#include "master/daemon.h"
#include "master/directories.h"
#include "master/master.h"
#include "master/pidfile.h"
#include "master/sinks.h"
#include "master/start.h"
#include "net/address.h"
#include "sys/fault.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::master {

namespace {

/// A reload may wait for another one before it, each as long as its time-outs.
constexpr Millis kReloadWait{50'000};

void print(std::string_view text) {
    static_cast<void>(sys::write_all(2, fmt::format("sluice: {}\n", text)));
}

void print_all(std::string_view level, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
        print(fmt::format("[{}] {}", level, line));
    }
}

struct Verdict {
    sys::UniqueFd verdict;
};

int serve(const Start& start, Master::Estate estate, sys::UniqueFd verdict) {
    Master master(start, std::move(estate));
    if (const auto opened = master.open(); !opened) {
        print_all("emerg", opened.error());
        return 1;
    }
    Verdict report{std::move(verdict)};
    return master.serve(
        [](void* context) { report_serving(std::move(static_cast<Verdict*>(context)->verdict)); },
        &report);
}

/// The first error of what a generation wants opened, or nothing.
std::vector<std::string> check_files(const conf::Generation& generation) {
    std::vector<std::string> errors;
    Sinks sinks;
    if (auto opened = sinks.open(generation); !opened) {
        errors = std::move(opened).error();
    }
    if (auto made = make_directories(generation); !made) {
        errors.insert(errors.end(), made.error().begin(), made.error().end());
    }
    for (const conf::ListenSpec* listen : generation.listens()) {
        std::string_view key = listen->key;
        key.remove_prefix(key.starts_with("udp:") ? 4 : 0);
        if (!net::Address::parse(key)) {
            errors.push_back(fmt::format("invalid address \"{}\" of \"listen\"", listen->key));
        }
    }
    const PidFile pid_file(std::string(conf::process_conf(generation).pid.value));
    if (const Result<> checked = pid_file.check(); !checked) {
        errors.push_back(
            fmt::format("{}", log::Failure{checked.error(), "\"" + pid_file.path() + "\""}));
    }
    return errors;
}

int send_signal(pid_t pid, const ipc::Command& command) {
    if (const Result<> sent = sys::kill_process(pid, ipc::number_of(command)); !sent) {
        print(fmt::format("[alert] kill({}, {}) failed ({})", pid, ipc::number_of(command),
                          sent.error().code));
        return 1;
    }
    return 0;
}

int reload_and_wait(const Start& start,
                    const std::string& pid_path,
                    pid_t pid,
                    const ipc::Command& command) {
    const Result<std::string> answer = ask(control_path(pid_path), "reload\n", kReloadWait);
    if (!answer) {
        const int code = answer.error().code;
        const bool was_heard = code != ENOENT && code != ECONNREFUSED && code != EACCES;
        const int result = was_heard ? 1 : send_signal(pid, command);
        if (was_heard || result == 0) {
            print("[warn] reload: the control socket gives no answer, outcome unknown");
        }
        return result;
    }
    std::string_view text = *answer;
    while (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    if (text.starts_with("ok ")) {
        if (!start.is_quiet) {
            print(fmt::format("reloaded, generation {}", text.substr(3)));
        }
        return 0;
    }
    const std::size_t line_end = text.find('\n');
    print(fmt::format("[emerg] {}", line_end == text.npos
                                        ? "reload: the master ended, outcome unknown"
                                        : text.substr(line_end + 1)));
    return 1;
}

}  // namespace

int run(const Start& start) {
    log::Journal journal;
    journal.install();
    Inheritance inheritance = take_inheritance();
    if (inheritance.parent && sys::has_fault(sys::Fault::UpgradeFails)) {
        return 1;
    }
    Counting counting(start.counters);
    counting.inherit(inheritance.take_memory(kMetricsMemory));
    Ids ids(counting);
    auto configuration = read_configuration(start, ids, GenerationNumber{1});
    if (!configuration) {
        print_all("emerg", configuration.error());
        return 1;
    }
    print_all("warn", configuration->warnings);
    sys::UniqueFd verdict;
    // A program that an upgrade started is in the background already, and its parent watches it.
    if (conf::process_conf(*configuration->generation).daemon.value && !inheritance.parent) {
        Result<Daemonized> daemonized = go_to_background();
        if (!daemonized) {
            print(fmt::format("[emerg] {}", log::Failure{daemonized.error()}));
            return 1;
        }
        if (daemonized->exit_code) {
            return *daemonized->exit_code;
        }
        verdict = std::move(daemonized->verdict);
        journal.refresh_pid();
    }
    std::string title = "sluice: master process";
    for (const std::string& argument : start.arguments) {
        title += " " + argument;
    }
    sys::set_process_title(title);
    return serve(start, {ids, counting, std::move(*configuration), std::move(inheritance)},
                 std::move(verdict));
}

int test(const Start& start, bool dumps) {
    log::Journal journal;
    journal.install();
    Counting counting(start.counters);
    Ids ids(counting);
    const std::string& file = start.places.main_file;
    auto configuration = read_configuration(start, ids, GenerationNumber{1});
    if (!configuration) {
        print_all("emerg", configuration.error());
        print(fmt::format("configuration file {} test failed", file));
        return 1;
    }
    print_all("warn", configuration->warnings);
    if (!start.is_quiet) {
        print(fmt::format("the configuration file {} syntax is ok", file));
    }
    const conf::Generation& generation = *configuration->generation;
    if (const std::vector<std::string> errors = check_files(generation); !errors.empty()) {
        print_all("emerg", errors);
        print(fmt::format("configuration file {} test failed", file));
        return 1;
    }
    if (!start.is_quiet) {
        print(fmt::format("configuration file {} test is successful", file));
    }
    if (dumps && !sys::write_all(1, conf::dump(generation.tree()))) {
        return 1;
    }
    return 0;
}

int send_order(const Start& start, std::string_view word) {
    log::Journal journal;
    journal.install();
    const ipc::Command* const command = ipc::find_command(word);
    if (command == nullptr) {
        print(fmt::format("invalid option: \"-s {}\"", word));
        return 1;
    }
    Counting counting(start.counters);
    Ids ids(counting);
    auto configuration = read_configuration(start, ids, GenerationNumber{1});
    if (!configuration) {
        print_all("emerg", configuration.error());
        return 1;
    }
    const std::string path(conf::process_conf(*configuration->generation).pid.value);
    const Result<pid_t> pid = read_pid(path);
    if (!pid) {
        print(fmt::format("[error] {}", log::Failure{pid.error(), "\"" + path + "\""}));
        return 1;
    }
    if (command->order == ipc::Order::Reload) {
        return reload_and_wait(start, path, *pid, *command);
    }
    return send_signal(*pid, *command);
}

}  // namespace sluice::master
