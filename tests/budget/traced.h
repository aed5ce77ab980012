// SPDX-License-Identifier: BSD-2-Clause
// What the budget programs share: a server in a child that is traced, so that every system call
// between two marks is counted by name, and a malloc that counts while it is told to. For one
// source file per program.
// Runs in: tests.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include "counted_malloc.h"

namespace sluice::budget {

/// What the processes share. Made before the first fork.
struct Board {
    std::atomic<long> allocations;
    std::atomic<bool> is_counting;
    std::atomic<int> replies;
};

inline Board* board = nullptr;
inline bool is_server = false;  ///< the tracer allocates too, and does not count

void note_allocation() {
    if (is_server && board->is_counting.load(std::memory_order_relaxed)) {
        board->allocations.fetch_add(1, std::memory_order_relaxed);
    }
}

inline void make_board() {
    board = static_cast<Board*>(::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

[[noreturn]] inline void give_up(const char* what) {
    std::fprintf(stderr, "budget: %s: %s\n", what, std::strerror(errno));
    std::_Exit(2);
}

/// A connected pair over loopback TCP.
inline std::array<int, 2> tcp_pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener, 1) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        give_up("listen");
    }
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(client, reinterpret_cast<sockaddr*>(&address), size) != 0) {
        give_up("connect");
    }
    const int server = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ::close(listener);
    const int on = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return {server, client};
}

/// Marks the traced stretch: a call that the server never makes itself.
inline void mark() {
    ::syscall(SYS_getpgid, 0);
}

/// In the server: from here on its parent sees what it calls. False: that is not permitted here.
[[nodiscard]] inline bool be_traced() {
    is_server = true;
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
        return false;
    }
    ::raise(SIGSTOP);
    return true;
}

/// Called as often as one likes: the stretch that is counted begins at `first` and ends at `last`
/// of Board::replies. True once it has ended.
class Stretch {
  public:
    Stretch(int first, int last) : first_(first), last_(last) {}

    bool follow() {
        const int replies = board->replies.load();
        if (!has_begun_ && replies >= first_) {
            has_begun_ = true;
            mark();
            board->is_counting = true;
        }
        if (!has_ended_ && replies >= last_) {
            has_ended_ = true;
            board->is_counting = false;
            mark();
        }
        return has_ended_;
    }

    [[nodiscard]] bool has_ended() const { return has_ended_; }

  private:
    int first_;
    int last_;
    bool has_begun_ = false;
    bool has_ended_ = false;
};

/// Follows the server; counts its system calls between the two marks.
inline std::map<long, long> trace(pid_t server, int& exit_code) {
    std::map<long, long> calls;
    int status = 0;
    int marks = 0;
    bool is_entry = true;
    ::waitpid(server, &status, 0);
    ::ptrace(PTRACE_SETOPTIONS, server, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        ::ptrace(PTRACE_SYSCALL, server, nullptr, nullptr);
        if (::waitpid(server, &status, 0) < 0 || WIFEXITED(status) || WIFSIGNALED(status)) {
            exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
            return calls;
        }
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            continue;
        }
        if (is_entry) {
            user_regs_struct registers{};
            ::ptrace(PTRACE_GETREGS, server, nullptr, &registers);
            const long number = static_cast<long>(registers.orig_rax);
            if (number == SYS_getpgid) {
                ++marks;
            } else if (marks == 1) {
                ++calls[number];
            }
        }
        is_entry = !is_entry;
    }
}

inline const char* name_of(long call) {
    switch (call) {
        case SYS_recvfrom: return "recv";
        case SYS_sendto: return "send";
        case SYS_sendmsg: return "sendmsg";
        case SYS_sendfile: return "sendfile";
        case SYS_epoll_wait: return "epoll_wait";
        case SYS_epoll_pwait: return "epoll_pwait";
        case SYS_epoll_ctl: return "epoll_ctl";
        case SYS_read: return "read";
        case SYS_write: return "write";
        case SYS_splice: return "splice";
        case SYS_openat2: return "openat2";
        case SYS_statx: return "statx";
        case SYS_clock_gettime: return "clock_gettime";
        case SYS_mmap: return "mmap";
        case SYS_brk: return "brk";
        default: return "another";
    }
}

/// What a program returns whose server ended with `exit_code`: 0 where it ended as it should, and
/// its budget counts.
[[nodiscard]] inline int outcome_of(int exit_code) {
    if (exit_code == 3) {
        std::printf("skipped: tracing is not permitted here\n");
        return 77;
    }
    if (exit_code != 0) {
        std::printf("the server ended with %d after %d replies\n", exit_code, board->replies.load());
        return 1;
    }
    return 0;
}

/// What a stretch of `measured` rounds may cost.
struct Budget {
    const char* round;  ///< what one is called
    const char* rounds;
    int measured;
    double calls;      ///< system calls of a round
    long allocations;  ///< of a round
};

/// Prints what was counted beside the budget, and gives what the program returns.
[[nodiscard]] inline int judge(const std::map<long, long>& calls, const Budget& budget) {
    double total = 0;
    for (const auto& [call, count] : calls) {
        const double share = static_cast<double>(count) / budget.measured;
        std::printf("%-14s (%3ld) %.3f per %s\n", name_of(call), call, share, budget.round);
        total += share;
    }
    const long allocations = board->allocations.load();
    std::printf("system calls   %.3f per %s, at most %.2f\n", total, budget.round, budget.calls);
    std::printf("allocations    %ld in %d %s, at most %ld each\n", allocations, budget.measured,
                budget.rounds, budget.allocations);
    return total <= budget.calls && allocations <= budget.allocations * budget.measured ? 0 : 1;
}

}  // namespace sluice::budget
