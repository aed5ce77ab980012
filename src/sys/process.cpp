// SPDX-License-Identifier: BSD-2-Clause
// Processes and signals.
// Runs in: any.
#include "sys/process.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file.h"

extern char** environ;

namespace sluice::sys {

namespace {

Result<> checked(int outcome, const char* op) {
    if (outcome != 0) {
        return fail(op);
    }
    return {};
}

sigset_t every_signal() {
    sigset_t set;
    ::sigfillset(&set);
    return set;
}

}  // namespace

// ---- birth and death ----

Result<pid_t> fork_process() {
    const pid_t pid = ::fork();
    if (pid < 0) {
        return fail("fork()");
    }
    return pid;
}

Result<std::optional<Death>> reap() {
    for (;;) {
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, WNOHANG);
        if (pid == 0 || (pid < 0 && errno == ECHILD)) {
            return std::nullopt;
        }
        if (pid < 0) {
            if (errno == EINTR) {
                continue;
            }
            return fail("waitpid()");
        }
        Death death{.pid = pid};
        if (WIFSIGNALED(status)) {
            death.signal = WTERMSIG(status);
            death.dumped_core = WCOREDUMP(status);
        } else {
            death.exit_code = WEXITSTATUS(status);
        }
        return death;
    }
}

Result<> kill_process(pid_t pid, int signal) {
    return checked(::kill(pid, signal), "kill()");
}

Result<> kill_group(pid_t leader, int signal) {
    return checked(::kill(-leader, signal), "kill()");
}

Result<> queue_signal(pid_t pid, int signal, int payload) {
    sigval value{};
    value.sival_int = payload;
    return checked(::sigqueue(pid, signal, value), "sigqueue()");
}

void exit_now(int code) {
    ::_exit(code);
}

// ---- signals ----

Result<> block_all_signals() {
    const sigset_t set = every_signal();
    return checked(::sigprocmask(SIG_SETMASK, &set, nullptr), "sigprocmask()");
}

Result<UniqueFd> signalfd_all() {
    const sigset_t set = every_signal();
    const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        return fail("signalfd()");
    }
    return UniqueFd(fd);
}

Result<std::optional<SignalInfo>> read_signal(int signalfd) {
    signalfd_siginfo info{};
    for (;;) {
        const ssize_t size = ::read(signalfd, &info, sizeof info);
        if (size == static_cast<ssize_t>(sizeof info)) {
            return SignalInfo{.number = static_cast<int>(info.ssi_signo),
                              .payload = info.ssi_int,
                              .sender = static_cast<pid_t>(info.ssi_pid)};
        }
        if (size < 0 && errno == EAGAIN) {
            return std::nullopt;
        }
        if (size >= 0 || errno != EINTR) {
            return fail("read(signalfd)");
        }
    }
}

// ---- descriptors ----

namespace {

/// Calls `visit(fd)` for each open descriptor of this process.
template <class Visit>
Result<> each_open_fd(Visit visit) {
    const int directory = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return fail("open(/proc/self/fd)");
    }
    const UniqueFd owned(directory);
    // getdents64 by hand: opendir() allocates, which a child just forked should not rely on.
    alignas(8) std::array<char, 4096> buffer{};
    for (;;) {
        const long size = ::syscall(SYS_getdents64, directory, buffer.data(), buffer.size());
        if (size < 0) {
            return fail("getdents64()");
        }
        if (size == 0) {
            return {};
        }
        for (long at = 0; at < size;) {
            // struct linux_dirent64: u64 inode, s64 offset, u16 length, u8 type, name.
            unsigned short length = 0;
            std::memcpy(&length, buffer.data() + at + 16, sizeof length);
            const char* const name = buffer.data() + at + 19;
            int fd = -1;
            const auto [stop, code] = std::from_chars(name, name + std::strlen(name), fd);
            if (code == std::errc{} && fd != directory) {
                visit(fd);
            }
            at += length;
        }
    }
}

Result<> close_range_of(unsigned first, unsigned last) {
    if (first > last) {
        return {};
    }
    return checked(static_cast<int>(::syscall(SYS_close_range, first, last, 0U)), "close_range()");
}

}  // namespace

Result<> close_from(int first, std::span<const int> keep) {
    std::vector<int> kept(keep.begin(), keep.end());
    std::sort(kept.begin(), kept.end());
    auto from = static_cast<unsigned>(first);
    for (const int fd : kept) {
        if (fd < 0 || static_cast<unsigned>(fd) < from) {
            continue;
        }
        if (static_cast<unsigned>(fd) > from) {
            TRY(close_range_of(from, static_cast<unsigned>(fd) - 1));
        }
        from = static_cast<unsigned>(fd) + 1;
    }
    return close_range_of(from, ~0U);
}

Result<> fill_standard_fds() {
    for (;;) {
        const int fd = ::open("/dev/null", O_RDWR);  // 0-2 stay open over exec: no O_CLOEXEC
        if (fd < 0) {
            return fail("open(/dev/null)");
        }
        if (fd > 2) {
            ::close(fd);
            return {};
        }
    }
}

Result<std::size_t> count_open_fds() {
    std::size_t count = 0;
    TRY(each_open_fd([&](int) { ++count; }));
    return count;
}

// ---- identity and limits ----

Result<> set_user(uid_t uid, gid_t gid, const char* user_name) {
    TRY(checked(::setgid(gid), "setgid()"));
    if (user_name != nullptr && *user_name != '\0') {
        TRY(checked(::initgroups(user_name, gid), "initgroups()"));
    } else {
        TRY(checked(::setgroups(0, nullptr), "setgroups()"));
    }
    return checked(::setuid(uid), "setuid()");
}

Result<> set_fd_limit(std::uint64_t limit) {
    rlimit both{limit, limit};
    return checked(::setrlimit(RLIMIT_NOFILE, &both), "setrlimit(RLIMIT_NOFILE)");
}

std::uint64_t fd_limit() {
    rlimit both{};
    return ::getrlimit(RLIMIT_NOFILE, &both) == 0 ? both.rlim_cur : 1024;
}

Result<> set_core_limit(std::uint64_t bytes) {
    rlimit both{bytes, bytes};
    return checked(::setrlimit(RLIMIT_CORE, &both), "setrlimit(RLIMIT_CORE)");
}

Result<> set_priority(int nice) {
    return checked(::setpriority(PRIO_PROCESS, 0, nice), "setpriority()");
}

Result<> pin_to_cpus(std::span<const int> cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : cpus) {
        if (cpu >= 0 && cpu < CPU_SETSIZE) {
            CPU_SET(static_cast<std::size_t>(cpu), &set);
        }
    }
    return checked(::sched_setaffinity(0, sizeof set, &set), "sched_setaffinity()");
}

Result<std::vector<int>> allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) {
        return fail("sched_getaffinity()");
    }
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) {
            cpus.push_back(cpu);
        }
    }
    return cpus;
}

Result<> die_with_parent(int signal) {
    return checked(::prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)");
}

Result<> set_dumpable(bool on) {
    return checked(::prctl(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)");
}

// ---- title ----

namespace {

/// argv's own bytes, which `ps` shows. Written once in main(), before any other process exists.
struct TitleSpace {
    char* begin = nullptr;
    std::size_t size = 0;
};

constinit TitleSpace title_space;

}  // namespace

void keep_argv(int argc, char** argv) {
    if (argc <= 0) {
        return;
    }
    char* end = argv[0];
    for (int i = 0; i < argc && argv[i] == end; ++i) {
        end += std::strlen(argv[i]) + 1;
    }
    title_space = {argv[0], static_cast<std::size_t>(end - argv[0])};
}

void set_process_title(std::string_view title) {
    // The kernel reads argv's bytes only, so a longer title is cut; the environment stays intact.
    if (title_space.size > 1) {
        const std::size_t size = std::min(title.size(), title_space.size - 1);
        std::memset(title_space.begin, 0, title_space.size);
        std::memcpy(title_space.begin, title.data(), size);
    }
    std::array<char, 16> name{};
    const std::size_t size = std::min(title.size(), name.size() - 1);
    std::memcpy(name.data(), title.data(), size);
    ::prctl(PR_SET_NAME, name.data(), 0, 0, 0);
}

// ---- this process ----

Result<std::uint64_t> process_start_time(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const std::string text = TRY(read_file(path.c_str(), 4096));
    // The name, field 2, may hold anything, so counting starts behind its last parenthesis.
    std::string_view rest(text);
    rest.remove_prefix(std::min(rest.rfind(')'), rest.size()));
    if (rest.starts_with(") Z") || rest.starts_with(") X")) {
        return fail("start time of a process", ESRCH);
    }
    for (int field = 2; field < 22; ++field) {
        const std::size_t space = rest.find(' ');
        if (space == rest.npos) {
            return fail("start time of a process", EINVAL);
        }
        rest.remove_prefix(space + 1);
    }
    std::uint64_t value = 0;
    const auto [stop, code] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (code != std::errc{}) {
        return fail("start time of a process", EINVAL);
    }
    return value;
}

pid_t own_pid() {
    return ::getpid();
}

pid_t parent_pid() {
    return ::getppid();
}

uid_t own_uid() {
    return ::geteuid();
}

Result<> new_session() {
    if (::setsid() < 0) {
        return fail("setsid()");
    }
    return {};
}

Result<> change_directory(const char* path) {
    return checked(::chdir(path), "chdir()");
}

mode_t set_file_mask(mode_t mask) {
    return ::umask(mask);
}

// ---- the machine's databases ----

namespace {

/// Calls a *_r lookup with a buffer that grows until the entry fits.
template <class Entry, class Call>
bool look_up(Call call, Entry& entry, std::vector<char>& buffer) {
    Entry* found = nullptr;
    buffer.resize(1024);
    for (;;) {
        const int code = call(&entry, buffer.data(), buffer.size(), &found);
        if (code == EINTR) {
            continue;
        }
        if (code != ERANGE || buffer.size() > (1U << 20)) {
            return code == 0 && found != nullptr;
        }
        buffer.resize(buffer.size() * 2);
    }
}

}  // namespace

std::optional<Account> find_user(const char* name) {
    passwd entry{};
    std::vector<char> buffer;
    const auto call = [name](passwd* into, char* bytes, std::size_t size, passwd** found) {
        return ::getpwnam_r(name, into, bytes, size, found);
    };
    if (!look_up(call, entry, buffer)) {
        return std::nullopt;
    }
    return Account{entry.pw_uid, entry.pw_gid};
}

std::optional<gid_t> find_group(const char* name) {
    group entry{};
    std::vector<char> buffer;
    const auto call = [name](group* into, char* bytes, std::size_t size, group** found) {
        return ::getgrnam_r(name, into, bytes, size, found);
    };
    if (!look_up(call, entry, buffer)) {
        return std::nullopt;
    }
    return entry.gr_gid;
}

Result<> random_bytes(std::span<unsigned char> out) {
    if (::getentropy(out.data(), out.size()) != 0) {
        return fail("getrandom()");
    }
    return {};
}

std::string host_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) {
        return "localhost";
    }
    return name.data();
}

std::optional<std::string> environment_value(const char* name) {
    const char* const value = ::getenv(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    return std::string(value);
}

std::vector<std::string> whole_environment() {
    std::vector<std::string> out;
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
        out.emplace_back(*at);
    }
    return out;
}

}  // namespace sluice::sys
