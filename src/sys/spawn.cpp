// SPDX-License-Identifier: BSD-2-Clause
// Starting another program with chosen descriptors and clean signals.
// Runs in: master.
#include <algorithm>
#include <array>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/process.h"

extern char** environ;

namespace sluice::sys {

namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (const std::string& text : texts) {
        out.push_back(const_cast<char*>(text.c_str()));  // exec takes char* and does not write
    }
    out.push_back(nullptr);
    return out;
}

/// Dispositions ignored here would stay ignored in the program, and so would the blocked mask.
void reset_signals() {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) {
        ::sigaction(signal, &action, nullptr);  // KILL, STOP and libc's own refuse; nothing to do
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Puts fds[i] on i. All are lifted above the range first, so that no target overwrites a source.
bool place_fds(std::span<const int> fds) {
    const int count = static_cast<int>(fds.size());
    std::array<int, 1024> lifted{};
    if (fds.size() > lifted.size()) {
        errno = EMFILE;
        return false;
    }
    for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        lifted[at] = ::fcntl(fds[at], F_DUPFD, count);
        if (lifted[at] < 0) {
            return false;
        }
    }
    for (int i = 0; i < count; ++i) {
        if (::dup2(lifted[static_cast<std::size_t>(i)], i) < 0) {
            return false;
        }
    }
    return true;
}

/// In the child: never returns. Reports errno over `report` where exec was not reached.
[[noreturn]] void become(const SpawnPlan& plan,
                         std::span<char* const> arguments,
                         std::span<char* const> environment,
                         int report) {
    const int count = static_cast<int>(plan.fds.size());
    const int high_report = ::fcntl(report, F_DUPFD_CLOEXEC, std::max(count, 3) * 2);
    int code = 0;
    if (high_report < 0 || !place_fds(plan.fds)) {
        code = errno;
    } else {
        reset_signals();
        if (plan.starts_session) {
            ::setsid();  // cannot fail: a process just forked leads no group
        }
        const std::array<int, 1> keep = {high_report};
        if (const Result<> closed = close_from(count, keep); !closed) {
            code = closed.error().code;
        } else if (plan.searches_path) {
            ::execvpe(arguments[0], arguments.data(), environment.data());
            code = errno;
        } else {
            ::execve(arguments[0], arguments.data(), environment.data());
            code = errno;
        }
    }
    const int to = high_report < 0 ? report : high_report;
    if (::write(to, &code, sizeof code) != static_cast<ssize_t>(sizeof code)) {
        ::_exit(126);
    }
    ::_exit(127);
}

}  // namespace

bool can_execute(const std::string& program) {
    if (program.find('/') != std::string::npos) {
        return ::access(program.c_str(), X_OK) == 0;
    }
    const std::string path = environment_value("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
    std::string_view rest = path;
    while (!rest.empty()) {
        const std::string_view folder = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
        const std::string candidate = std::string(folder.empty() ? "." : folder) + "/" + program;
        if (::access(candidate.c_str(), X_OK) == 0) {
            return true;
        }
    }
    return false;
}

Result<pid_t> spawn(const SpawnPlan& plan) {
    const std::vector<char*> arguments = pointers_to(plan.arguments);
    const std::vector<char*> own_environment = pointers_to(plan.environment);
    std::vector<char*> inherited;
    if (plan.environment.empty()) {
        for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
            inherited.push_back(*at);
        }
        inherited.push_back(nullptr);
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail("pipe2()");
    }
    UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const pid_t pid = TRY(fork_process());
    if (pid == 0) {
        become(plan, arguments, plan.environment.empty() ? inherited : own_environment,
               write_end.get());
    }
    write_end.reset();
    int code = 0;
    ssize_t size = 0;
    do {
        size = ::read(read_end.get(), &code, sizeof code);
    } while (size < 0 && errno == EINTR);
    if (size == static_cast<ssize_t>(sizeof code)) {
        // The child is ours and about to exit; waiting for it here leaves no zombie behind.
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        return fail("execve()", code);
    }
    return pid;
}

}  // namespace sluice::sys
