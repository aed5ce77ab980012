// SPDX-License-Identifier: BSD-2-Clause
// Processes and signals: fork, exec, wait, credentials, limits, affinity, signalfd.
// Runs in: any; fork and spawn only in the master.
#pragma once

#include <cstdint>
#include <optional>
#include <sched.h>
#include <signal.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::sys {

/// fork(2): 0 in the child.
[[nodiscard]] Result<pid_t> fork_process();

/// What waitpid reported about one dead child.
struct Death {
    pid_t pid = 0;
    int exit_code = 0;  ///< valid where signal is 0
    int signal = 0;     ///< the signal that killed it, or 0
    bool dumped_core = false;
};

/// One dead child, without waiting; nothing where none is dead.
[[nodiscard]] Result<std::optional<Death>> reap();
[[nodiscard]] Result<> kill_process(pid_t pid, int signal);
/// Signals every process of the group that `leader` leads.
[[nodiscard]] Result<> kill_group(pid_t leader, int signal);
/// Whether a program of that path, or in PATH where it has no slash, may be executed.
[[nodiscard]] bool can_execute(const std::string& program);
/// sigqueue(3) with an integer payload.
[[nodiscard]] Result<> queue_signal(pid_t pid, int signal, int payload);
[[noreturn]] void exit_now(int code);

/// Starts a program with default signal dispositions and an empty mask.
/// `fds[i]` becomes descriptor i of the program; all others are closed.
struct SpawnPlan {
    std::vector<std::string> arguments;    ///< arguments[0] is the path or a name searched in PATH
    std::vector<std::string> environment;  ///< whole environment; empty: inherited
    std::vector<int> fds;
    bool searches_path = false;
    bool starts_session = false;  ///< leads a session and a process group of its own
};

[[nodiscard]] Result<pid_t> spawn(const SpawnPlan& plan);

/// Blocks every signal in this process. Called first of all in main().
[[nodiscard]] Result<> block_all_signals();
/// A non-blocking signalfd over every blockable signal.
[[nodiscard]] Result<UniqueFd> signalfd_all();

/// One signal as read from a signalfd.
struct SignalInfo {
    int number = 0;
    int payload = 0;
    pid_t sender = 0;
};

/// The next queued signal, or nothing.
[[nodiscard]] Result<std::optional<SignalInfo>> read_signal(int signalfd);

/// Closes every descriptor from `first` up, except those in `keep` (any order).
[[nodiscard]] Result<> close_from(int first, std::span<const int> keep);
/// Opens /dev/null on each of 0, 1, 2 that is closed.
[[nodiscard]] Result<> fill_standard_fds();
/// Descriptors that are open in this process.
[[nodiscard]] Result<std::size_t> count_open_fds();

[[nodiscard]] Result<> set_user(uid_t uid, gid_t gid, const char* user_name);
[[nodiscard]] Result<> set_fd_limit(std::uint64_t limit);
[[nodiscard]] std::uint64_t fd_limit();
[[nodiscard]] Result<> set_core_limit(std::uint64_t bytes);
[[nodiscard]] Result<> set_priority(int nice);
[[nodiscard]] Result<> pin_to_cpus(std::span<const int> cpus);
/// CPUs that this process may run on.
[[nodiscard]] Result<std::vector<int>> allowed_cpus();
/// Kills this process with `signal` when its parent dies.
[[nodiscard]] Result<> die_with_parent(int signal);
/// Lets a process that changed its user write core files again.
[[nodiscard]] Result<> set_dumpable(bool on);
void set_process_title(std::string_view title);
/// Remembers argv's memory for set_process_title. Call once in main().
void keep_argv(int argc, char** argv);
/// When a process started, in clock ticks since boot: tells it from a later one with its pid.
/// Fails: ENOENT no such process; ESRCH it has ended, and waits for its parent to see that.
[[nodiscard]] Result<std::uint64_t> process_start_time(pid_t pid);
[[nodiscard]] pid_t own_pid();
[[nodiscard]] pid_t parent_pid();
[[nodiscard]] uid_t own_uid();
/// Starts a new session (setsid).
[[nodiscard]] Result<> new_session();
[[nodiscard]] Result<> change_directory(const char* path);
/// umask(2); gives the old mask.
mode_t set_file_mask(mode_t mask);

struct Account {
    uid_t uid = 0;
    gid_t gid = 0;
};

/// A user of the machine's database, or nothing. Blocks: may ask a name service.
[[nodiscard]] std::optional<Account> find_user(const char* name);
[[nodiscard]] std::optional<gid_t> find_group(const char* name);
[[nodiscard]] std::string host_name();
/// Fills `out` from the kernel's random source (getrandom).
[[nodiscard]] Result<> random_bytes(std::span<unsigned char> out);
[[nodiscard]] std::optional<std::string> environment_value(const char* name);
[[nodiscard]] std::vector<std::string> whole_environment();

}  // namespace sluice::sys
