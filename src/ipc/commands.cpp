// SPDX-License-Identifier: BSD-2-Clause
// The rows of the signal table. CHLD and PIPE are rows too: the table is everything the master
// reads. Runs in: any.
#include "ipc/commands.h"

#include <array>
#include <signal.h>

namespace sluice::ipc {

namespace {

// clang-format off
constexpr std::array kCommands = {
    Command{SIGHUP,   NumberBase::Absolute, "HUP",   "reload",  Order::Reload,        false, "Reads the configuration again and applies it, or keeps the old one where it is refused."},
    Command{SIGUSR1,  NumberBase::Absolute, "USR1",  "reopen",  Order::ReopenLogs,    false, "Opens the log files again, after they were moved away."},
    Command{SIGUSR2,  NumberBase::Absolute, "USR2",  "upgrade", Order::Upgrade,       false, "Starts the program file anew beside this master; both serve until one is told to quit."},
    Command{SIGWINCH, NumberBase::Absolute, "WINCH", "",        Order::RetireWorkers, false, "Retires all workers; the master stays and HUP starts workers again."},
    Command{SIGQUIT,  NumberBase::Absolute, "QUIT",  "quit",    Order::GracefulStop,  false, "Stops accepting, finishes what is running, then exits."},
    Command{SIGTERM,  NumberBase::Absolute, "TERM",  "stop",    Order::FastStop,      false, "Stops at once."},
    Command{SIGINT,   NumberBase::Absolute, "INT",   "",        Order::FastStop,      false, "Stops at once."},
    Command{SIGCHLD,  NumberBase::Absolute, "CHLD",  "",        Order::ReapChildren,  false, "Sent by the kernel: a child has died; it is reaped and started again."},
    Command{0,        NumberBase::RealTime, "RTMIN",   "stats",    Order::DumpStatistics, false, "Writes statistics to the error log, whatever its level."},
    Command{1,        NumberBase::RealTime, "RTMIN+1", "workers",  Order::SetWorkers,     true,  "Payload: how many workers there shall be, until the next reload."},
    Command{2,        NumberBase::RealTime, "RTMIN+2", "loglevel", Order::SetLogLevel,    true,  "Payload: level of error logs, 0 (emerg) to 7 (debug), until the next reload."},
    Command{SIGPIPE,  NumberBase::Absolute, "PIPE",  "",        Order::Ignore,        false, "Ignored; a broken pipe is an ordinary write error."},
};
// clang-format on

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

int number_of(const Command& command) {
    return command.base == NumberBase::RealTime ? SIGRTMIN + command.number : command.number;
}

const Command* find_command(int signal_number) {
    for (const Command& command : kCommands) {
        if (number_of(command) == signal_number) {
            return &command;
        }
    }
    return nullptr;
}

const Command* find_command(std::string_view option) {
    if (option.empty()) {
        return nullptr;
    }
    for (const Command& command : kCommands) {
        if (command.option == option) {
            return &command;
        }
    }
    return nullptr;
}

}  // namespace sluice::ipc
