// SPDX-License-Identifier: BSD-2-Clause
// What one event costs with select, poll and epoll while other descriptors are idle: the reason for
// an event loop on epoll.
// Runs in: ipc_bench.
#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/measure.h"

namespace sluice::ipc_bench {

namespace {

/// Idle descriptors, and one that becomes ready; the busy one is the highest.
class Watched {
  public:
    /// `events`: how many are to be waited for.
    Watched(std::size_t idle, std::size_t events)
        // select and poll take milliseconds among many
        : rounds_(static_cast<int>(idle > 1000 ? events / 10 : events)) {
        for (std::size_t i = 0; i < idle; ++i) {
            const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            if (fd == -1) {
                break;
            }
            idle_.push_back(fd);
        }
        busy_ = must(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd()");
    }

    ~Watched() {
        for (const int fd : idle_) {
            ::close(fd);
        }
        ::close(busy_);
    }

    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    [[nodiscard]] const std::vector<int>& idle() const { return idle_; }

    [[nodiscard]] int busy() const { return busy_; }

    [[nodiscard]] int rounds() const { return rounds_; }

    void make_ready() const { must(::eventfd_write(busy_, 1), "eventfd_write()"); }

    void make_idle() const {
        eventfd_t value = 0;
        must(::eventfd_read(busy_, &value), "eventfd_read()");
    }

  private:
    int rounds_;
    std::vector<int> idle_;
    int busy_ = -1;
};

/// Mean time of one round of `wait`, with the write and the read of the event.
template <class Wait>
double event_ns(const Watched& watched, const Wait& wait) {
    const std::int64_t start = now_ns();
    for (int i = 0; i < watched.rounds(); ++i) {
        watched.make_ready();
        wait();
        watched.make_idle();
    }
    return static_cast<double>(now_ns() - start) / watched.rounds();
}

/// The kernel's bitmap has no limit of 1,024; only the library's type has.
double select_ns(const Watched& watched) {
    constexpr std::size_t kBits = 8 * sizeof(unsigned long);
    const auto top = static_cast<std::size_t>(watched.busy()) + 1;
    std::vector<unsigned long> wanted(top / kBits + 1);
    const auto want = [&](int fd) {
        const auto bit = static_cast<std::size_t>(fd);
        wanted[bit / kBits] |= 1UL << (bit % kBits);
    };
    for (const int fd : watched.idle()) {
        want(fd);
    }
    want(watched.busy());
    std::vector<unsigned long> set(wanted.size());
    return event_ns(watched, [&] {
        set = wanted;
        must(::syscall(SYS_select, top, set.data(), nullptr, nullptr, nullptr), "select()");
    });
}

double poll_ns(const Watched& watched) {
    std::vector<pollfd> set;
    for (const int fd : watched.idle()) {
        set.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    }
    set.push_back({.fd = watched.busy(), .events = POLLIN, .revents = 0});
    return event_ns(watched, [&] { must(::poll(set.data(), set.size(), -1), "poll()"); });
}

double epoll_ns(const Watched& watched) {
    const int epoll = must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1()");
    const auto add = [&](int fd) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.fd = fd;
        must(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl()");
    };
    for (const int fd : watched.idle()) {
        add(fd);
    }
    add(watched.busy());
    std::array<epoll_event, 8> events{};
    const double ns = event_ns(watched, [&] {
        must(::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1),
             "epoll_wait()");
    });
    ::close(epoll);
    return ns;
}

}  // namespace

std::vector<WaitCost> wait_costs(std::span<const std::size_t> idle_counts, std::size_t events) {
    rlimit limit{};
    must(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit()");
    limit.rlim_cur = limit.rlim_max;
    must(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit()");
    std::vector<WaitCost> rows;
    for (const std::size_t count : idle_counts) {
        if (count + 16 > limit.rlim_cur) {
            break;
        }
        const Watched watched(count, events);
        rows.push_back({.idle = watched.idle().size(),
                        .select_ns = select_ns(watched),
                        .poll_ns = poll_ns(watched),
                        .epoll_ns = epoll_ns(watched)});
    }
    return rows;
}

}  // namespace sluice::ipc_bench
