// SPDX-License-Identifier: BSD-2-Clause
// Measuring links: this process sends, a forked child receives. Each is pinned to a processor of
// its own where there are two, so that runs can be compared.
// Runs in: ipc_bench, both of its processes.
#include "ipc/measure.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fmt/core.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace sluice::ipc_bench {

namespace {

/// Who waits for this process; 0 in the first one. Set once, after a fork.
pid_t waiting_parent = 0;

/// Ends this process and whoever waits for it, after something was said.
[[noreturn]] void give_up() {
    std::fflush(nullptr);
    if (waiting_parent != 0) {
        ::kill(waiting_parent, SIGTERM);
    }
    ::_exit(1);
}

/// Moves this process to the `index`-th processor that it may use, if there is one.
void pin(int index) {
    static const cpu_set_t all = [] {
        cpu_set_t set;
        must(::sched_getaffinity(0, sizeof set, &set), "sched_getaffinity()");
        return set;
    }();
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &all) && index-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            must(::sched_setaffinity(0, sizeof one, &one), "sched_setaffinity()");
            return;
        }
    }
}

/// A child that runs `work` and ends; it dies with this process.
template <class Work>
pid_t start_child(const Work& work) {
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = must(::fork(), "fork()");
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        waiting_parent = parent;
        pin(1);
        work();
        ::_exit(0);
    }
    pin(0);
    return child;
}

void await_child(pid_t child) {
    int status = 0;
    must(::waitpid(child, &status, 0), "waitpid()");
    if (status != 0) {
        std::exit(1);  // it has said why
    }
}

/// Tells the other process that something is so.
class Word {
  public:
    Word() { must(::pipe2(ends_.data(), 0), "pipe2()"); }

    ~Word() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }

    Word(const Word&) = delete;
    Word& operator=(const Word&) = delete;

    void give() { must(::write(ends_[1], "w", 1), "write()"); }

    void await() {
        char byte = 0;
        must(::read(ends_[0], &byte, 1), "read()");
    }

  private:
    std::array<int, 2> ends_{};
};

constexpr std::size_t kInCache = std::size_t{32} * 1024;  ///< so much fits a core's first cache
constexpr std::size_t kMostBuffers = 16;

/// What all bytes of a message are but those of its number, where it is checked whole.
char filling(std::uint64_t number) {
    return static_cast<char>(number * 7 + 1);
}

void make_message(std::span<char> message, std::uint64_t number, bool is_whole) {
    if (is_whole) {
        std::fill(message.begin(), message.end(), filling(number));
    }
    if (message.size() >= sizeof number) {
        std::memcpy(message.data(), &number, sizeof number);
    }
}

void check_message(std::span<const char> message, std::uint64_t expected, bool is_whole) {
    std::uint64_t number = 0;
    if (message.size() < sizeof number) {
        return;
    }
    std::memcpy(&number, message.data(), sizeof number);
    const auto rest = message.subspan(sizeof number);
    const char filled = filling(expected);
    const bool is_torn =
        is_whole && std::any_of(rest.begin(), rest.end(), [filled](char byte) { return byte != filled; });
    if (number != expected || is_torn) {
        fmt::print(stderr, "ipc_bench: message {}{} came where {} was due\n", number, is_torn ? ", torn," : "", expected);
        give_up();
    }
}

void receive_all(Link& link, const Load& load) {
    std::vector<char> message(load.size);
    for (std::uint64_t i = 0; i < load.count; ++i) {
        link.receive(message);
        check_message(message, i, load.is_checked_whole);
    }
}

/// Each message is made some messages before it is sent, in turn in a few buffers. A wide copy of what
/// a narrow store has only just written waits for that store, and so for all the copies before it;
/// what is measured would be that.
void send_all(Link& link, const Load& load) {
    const std::size_t buffers = std::clamp<std::size_t>(kInCache / load.size, 1, kMostBuffers);
    const std::size_t ahead = buffers / 2;
    std::vector<char> bytes(buffers * load.size, 'x');
    const auto message = [&](std::uint64_t i) {
        return std::span(bytes).subspan(i % buffers * load.size, load.size);
    };
    for (std::uint64_t i = 0; i < ahead; ++i) {
        make_message(message(i), i, load.is_checked_whole);
    }
    for (std::uint64_t i = 0; i < load.count; ++i) {
        make_message(message(i + ahead), i + ahead, load.is_checked_whole);
        link.send(message(i));
    }
    link.flush();
}

double quantile(const std::vector<std::int64_t>& sorted, double share) {
    const auto last = static_cast<double>(sorted.size() - 1);
    return static_cast<double>(sorted[static_cast<std::size_t>(last * share)]);
}

}  // namespace

void fail(std::string_view what) {
    const int error = errno;
    fmt::print(stderr, "ipc_bench: {} failed ({}: {})\n", what, error, std::strerror(error));
    give_up();
}

std::int64_t now_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

double message_ns(const Kind& kind, const Load& load) {
    const auto link = kind.make(load.size);
    Word ready;
    Word done;
    const pid_t child = start_child([&] {
        link->begin();
        ready.give();
        receive_all(*link, load);
        done.give();
    });
    link->begin();
    ready.await();
    const std::int64_t start = now_ns();
    send_all(*link, load);
    done.await();
    const auto took = static_cast<double>(now_ns() - start);
    await_child(child);
    return took / static_cast<double>(load.count);
}

RoundTrip round_trip(const Kind& kind, std::size_t size, std::size_t rounds) {
    const auto there = kind.make(size);
    const auto back = kind.make(size);
    const std::size_t warm_up = rounds / 10;
    const pid_t child = start_child([&] {
        there->begin();
        back->begin();
        std::vector<char> message(size);
        for (std::size_t i = 0; i < rounds + warm_up; ++i) {
            there->receive(message);
            back->send(message);
            back->flush();
        }
    });
    there->begin();
    back->begin();
    std::vector<std::int64_t> times;
    times.reserve(rounds);
    std::vector<char> message(size, 'x');
    for (std::size_t i = 0; i < rounds + warm_up; ++i) {
        const std::int64_t start = now_ns();
        there->send(message);
        there->flush();
        back->receive(message);
        if (i >= warm_up) {
            times.push_back(now_ns() - start);
        }
    }
    await_child(child);
    std::sort(times.begin(), times.end());
    return {.median = quantile(times, 0.5),
            .p99 = quantile(times, 0.99),
            .p999 = quantile(times, 0.999)};
}

double line_ns() {
    constexpr std::uint64_t kRounds = 4000;
    constexpr std::int64_t kMostNs = 20'000'000;  // among other work a turn takes milliseconds
    constexpr std::uint64_t kEnd = UINT64_MAX;
    using Ball = std::atomic<std::uint64_t>;
    void* const at = ::mmap(nullptr, sizeof(Ball), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        fail("mmap()");
    }
    Ball& ball = *new (at) Ball(0);
    const auto after = [&ball](std::uint64_t old) {
        std::uint64_t seen = old;
        for (int looks = 0; (seen = ball.load(std::memory_order_acquire)) == old; ++looks) {
            if (looks > 1000) {
                ::sched_yield();
            }
        }
        return seen;
    };
    const pid_t child = start_child([&] {
        std::uint64_t seen = 0;
        while ((seen = after(seen)) != kEnd) {
            ball.store(++seen, std::memory_order_release);
        }
    });
    std::vector<std::int64_t> times;
    times.reserve(kRounds);
    const std::int64_t begin = now_ns();
    std::int64_t start = begin;
    while (times.size() < kRounds && start - begin < kMostNs) {
        start = now_ns();
        const std::uint64_t mine = 2 * times.size() + 1;
        ball.store(mine, std::memory_order_release);
        after(mine);
        times.push_back(now_ns() - start);
    }
    ball.store(kEnd, std::memory_order_release);
    await_child(child);
    ::munmap(at, sizeof(Ball));
    std::sort(times.begin(), times.end());
    return quantile(times, 0.5);
}

std::span<const Kind> kinds() {
    static const std::vector<Kind> all = [] {
        std::vector<Kind> out;
        for (const auto part : {lane_kinds(), descriptor_kinds(), memory_kinds(), queue_kinds(), signal_kinds()}) {
            out.insert(out.end(), part.begin(), part.end());
        }
        return out;
    }();
    return all;
}

}  // namespace sluice::ipc_bench
