// SPDX-License-Identifier: BSD-2-Clause
// The entries of the room: the server, the check, the order to a running server.
// Runs in: master, the command line.
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.h"
#include "conf/explain.h"
#include "conf/process_conf.h"
#include "log/log.h"
#include "master/candidate.h"
#include "master/daemon.h"
#include "master/data_files.h"
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
/// New workers have to start; a reload may run before they may.
constexpr Millis kLiveWait{50'000};

/// A word of `-s`, with what stands behind its equals sign.
struct Word {
    std::string_view text;
    const ipc::Command* command = nullptr;
    int payload = 0;
};

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
    Programs programs;
    Sinks sinks(programs);
    if (auto opened = sinks.open(generation); !opened) {
        errors = std::move(opened).error();
    }
    DataFiles data_files;
    if (auto taken = data_files.open(generation); !taken) {
        errors.insert(errors.end(), taken.error().begin(), taken.error().end());
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

/// A real-time signal: it waits its turn in the kernel's queue and none is merged with another.
bool queue_signal(pid_t pid, const ipc::Command& command, int payload) {
    const Result<> sent = sys::queue_signal(pid, ipc::number_of(command), payload);
    if (sent) {
        return true;
    }
    const bool is_full = sent.error().code == EAGAIN;
    print(fmt::format("[alert] {}{}", log::Failure{sent.error(), fmt::format("to {}", pid)},
                      is_full ? ": the queue of signals is full, its size is RLIMIT_SIGPENDING"
                              : ""));
    return false;
}

/// What the master answered, told to the person. Gives the exit code.
int tell_outcome(const Start& start, std::string_view word, std::string_view answer) {
    while (answer.ends_with('\n')) {
        answer.remove_suffix(1);
    }
    if (answer.starts_with("ok ")) {
        if (!start.is_quiet) {
            print(answer.substr(3));
        }
        return 0;
    }
    const std::size_t line_end = answer.find('\n');
    print(line_end == answer.npos
              ? fmt::format("[error] {}: the master ended, outcome unknown", word)
              : fmt::format("[error] {}", answer.substr(line_end + 1)));
    return 1;
}

int queue_and_wait(const Start& start,
                   const std::string& pid_path,
                   pid_t pid,
                   const Word& word) {
    if (!queue_signal(pid, *word.command, word.payload)) {
        return 1;
    }
    const Result<std::string> answer =
        ask(control_path(pid_path), std::string(word.text) + "\n", kLiveWait);
    if (!answer) {
        print(fmt::format("[warn] {}: the signal is sent, but the control socket gives no answer, "
                          "outcome unknown", word.text));
        const int code = answer.error().code;
        return code == ENOENT || code == ECONNREFUSED || code == EACCES ? 0 : 1;
    }
    return tell_outcome(start, word.text, *answer);
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

/// Fails: what was expected, to stand behind the word.
std::expected<Word, std::string> read_word(std::string_view text) {
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string_view value = text.substr(std::min(equals + 1, text.size()));
    Word out{.text = text, .command = ipc::find_command(text.substr(0, equals))};
    if (out.command == nullptr || (!out.command->has_payload && equals != text.size())) {
        return std::unexpected("");
    }
    if (out.command->order == ipc::Order::SetWorkers) {
        const std::optional<std::uint64_t> count = parse_decimal(value);
        if (!count || *count < 1 || *count > 1024) {
            return std::unexpected(", expected workers= and a number from 1 to 1024");
        }
        out.payload = static_cast<int>(*count);
    }
    if (out.command->order == ipc::Order::SetLogLevel) {
        const std::optional<log::Level> level = log::level_named(value);
        if (!level) {
            return std::unexpected(
                ", expected loglevel= and emerg, alert, crit, error, warn, notice, info or debug");
        }
        out.payload = static_cast<int>(*level);
    }
    return out;
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

int send_order(const Start& start, std::string_view text) {
    log::Journal journal;
    journal.install();
    const std::expected<Word, std::string> word = read_word(text);
    if (!word) {
        print(fmt::format("invalid option: \"-s {}\"{}", text, word.error()));
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
    if (word->command->order == ipc::Order::Reload) {
        return reload_and_wait(start, path, *pid, *word->command);
    }
    if (word->command->base == ipc::NumberBase::RealTime) {
        return queue_and_wait(start, path, *pid, *word);
    }
    return send_signal(*pid, *word->command);
}

}  // namespace sluice::master
