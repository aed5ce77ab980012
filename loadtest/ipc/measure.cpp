// SPDX-License-Identifier: BSD-2-Clause
// Measuring links: this process sends, a forked child receives. Each is pinned to a processor of
// its own where there are two, so that runs can be compared.
// Runs in: ipc_bench, both of its processes.
#include "ipc/measure.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fmt/core.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace sluice::ipc_bench {

namespace {

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
    const pid_t child = must(::fork(), "fork()");
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
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

void check_number(std::span<const char> message, std::uint64_t expected) {
    std::uint64_t number = 0;
    if (message.size() < sizeof number) {
        return;
    }
    std::memcpy(&number, message.data(), sizeof number);
    if (number != expected) {
        fmt::print(stderr, "ipc_bench: message {} came where {} was due\n", number, expected);
        ::_exit(1);
    }
}

void receive_all(Link& link, std::size_t size, std::uint64_t count) {
    std::vector<char> message(size);
    for (std::uint64_t i = 0; i < count; ++i) {
        link.receive(message);
        check_number(message, i);
    }
}

void send_all(Link& link, std::size_t size, std::uint64_t count) {
    std::vector<char> message(size, 'x');
    for (std::uint64_t i = 0; i < count; ++i) {
        if (size >= sizeof i) {
            std::memcpy(message.data(), &i, sizeof i);
        }
        link.send(message);
    }
}

double quantile(const std::vector<std::int64_t>& sorted, double share) {
    const auto last = static_cast<double>(sorted.size() - 1);
    return static_cast<double>(sorted[static_cast<std::size_t>(last * share)]);
}

}  // namespace

void fail(std::string_view what) {
    const int error = errno;
    fmt::print(stderr, "ipc_bench: {} failed ({}: {})\n", what, error, std::strerror(error));
    std::fflush(nullptr);
    ::_exit(1);
}

std::int64_t now_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

double message_ns(const Kind& kind, std::size_t size, std::uint64_t count) {
    const auto link = kind.make(size);
    Word ready;
    Word done;
    const pid_t child = start_child([&] {
        ready.give();
        receive_all(*link, size, count);
        done.give();
    });
    ready.await();
    const std::int64_t start = now_ns();
    send_all(*link, size, count);
    done.await();
    const auto took = static_cast<double>(now_ns() - start);
    await_child(child);
    return took / static_cast<double>(count);
}

RoundTrip round_trip(const Kind& kind, std::size_t size, std::size_t rounds) {
    const auto there = kind.make(size);
    const auto back = kind.make(size);
    const std::size_t warm_up = rounds / 10;
    const pid_t child = start_child([&] {
        std::vector<char> message(size);
        for (std::size_t i = 0; i < rounds + warm_up; ++i) {
            there->receive(message);
            back->send(message);
        }
    });
    std::vector<std::int64_t> times;
    times.reserve(rounds);
    std::vector<char> message(size, 'x');
    for (std::size_t i = 0; i < rounds + warm_up; ++i) {
        const std::int64_t start = now_ns();
        there->send(message);
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

std::span<const Kind> kinds() {
    static const std::vector<Kind> all = [] {
        std::vector<Kind> out;
        for (const auto part : {memory_kinds(), descriptor_kinds(), queue_kinds(), signal_kinds()}) {
            out.insert(out.end(), part.begin(), part.end());
        }
        return out;
    }();
    return all;
}

}  // namespace sluice::ipc_bench
