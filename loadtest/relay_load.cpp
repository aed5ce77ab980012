// SPDX-License-Identifier: BSD-2-Clause
// The load for TCP relays: clients and the upstream behind the relay in one process with one loop,
// so that one processor carries both. It shares no code with src/ on purpose. Also a floor: a bare
// relay, by recv and send or by splice, which does nothing but move bytes.
// Runs in: a process of its own, started by loadtest/relay; bounded in time.
//
//     relay_load ping UPSTREAM_PORT RELAY_PORT CONNECTIONS SIZE SECONDS     round trips
//     relay_load bulk UPSTREAM_PORT RELAY_PORT CONNECTIONS SIZE SECONDS     one way, upstream
//     relay_load floor RELAY_PORT UPSTREAM_PORT copy|splice                 the bare relay
//
// Load: prints "ready" when all connections stand, begins at a byte on stdin, prints one line of
// JSON.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "load_program.h"

namespace {

using namespace load;  // NOLINT: a program of one file

void set_nodelay(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int listen_on(std::size_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 1024) != 0) {
        die("listen");
    }
    return fd;
}

/// Blocks until the connection stands.
int connect_to(std::size_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        die("connect");
    }
    set_nodelay(fd);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/// What was counted between the start and the end.
struct Result {
    std::uint64_t round_trips = 0;
    std::uint64_t bytes = 0;
    std::uint64_t failed = 0;
    double seconds = 0;
};

/// One end of a connection: a client or the upstream.
struct End {
    int fd = -1;
    bool is_client = false;
    std::size_t pending = 0;  ///< of the message that is being received
    std::size_t owed = 0;     ///< of the message that is being sent
};

class Load {
  public:
    Load(std::size_t upstream_port,
         std::size_t relay_port,
         std::size_t connections,
         std::size_t size)
        : size_(size), buffer_(std::max<std::size_t>(size, 1 << 20), 'x') {
        const int listening = listen_on(upstream_port);
        for (std::size_t i = 0; i < connections; ++i) {
            const int client = connect_to(relay_port);
            // The byte makes the relay connect, whenever it does that.
            if (::send(client, "!", 1, 0) != 1) {
                die("send");
            }
            add(client, true);
            add(accept_one(listening), false);
        }
        ::close(listening);
    }

    /// Of the first connection.
    [[nodiscard]] int client() const { return ends_[0].fd; }

    [[nodiscard]] int upstream() const { return ends_[1].fd; }

    Result ping(double seconds) {
        return run(
            seconds,
            [this] {
                for (std::size_t i = 0; i < ends_.size(); ++i) {
                    if (ends_[i].is_client) {
                        begin_message(ends_[i]);
                    }
                }
            },
            &Load::on_ping);
    }

    Result bulk(double seconds) {
        return run(seconds, [] {}, &Load::on_bulk);
    }

  private:
    static constexpr std::size_t kBulkPiece = 256 * 1024;

    void add(int fd, bool is_client) { ends_.push_back({.fd = fd, .is_client = is_client}); }

    int accept_one(int listening) {
        const auto deadline = Clock::now() + std::chrono::seconds(5);
        for (;;) {
            const int fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                set_nodelay(fd);
                wait_for_byte(fd, deadline);
                return fd;
            }
            give_up_after(deadline, "no connection came through the relay");
        }
    }

    static void wait_for_byte(int fd, Clock::time_point deadline) {
        char byte = 0;
        while (::recv(fd, &byte, 1, 0) != 1) {
            give_up_after(deadline, "no byte came through the relay");
        }
    }

    static void give_up_after(Clock::time_point deadline, const char* complaint) {
        if (Clock::now() > deadline) {
            std::fprintf(stderr, "relay_load: %s\n", complaint);
            std::exit(1);
        }
        ::usleep(200);
    }

    template <class Begin>
    Result run(double seconds, Begin begin, void (Load::*on_event)(End&, std::uint32_t)) {
        const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
        await_start();
        const auto start = Clock::now();
        const auto end = start + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(seconds));
        begin();
        for (std::size_t i = 0; i < ends_.size(); ++i) {
            const bool is_sender = on_event == &Load::on_bulk && ends_[i].is_client;
            watch(epoll, ends_[i].fd, is_sender ? EPOLLOUT : EPOLLIN | EPOLLOUT | EPOLLET, i);
        }
        std::array<epoll_event, 256> events{};
        auto now = start;
        while (now < end) {
            const int count = ::epoll_wait(epoll, events.data(), events.size(), 100);
            for (int i = 0; i < count; ++i) {
                (this->*on_event)(ends_[events[static_cast<std::size_t>(i)].data.u64],
                                  events[static_cast<std::size_t>(i)].events);
            }
            now = Clock::now();
        }
        result_.seconds = std::chrono::duration<double>(now - start).count();
        return result_;
    }

    void begin_message(End& end) {
        end.pending = size_;
        end.owed = size_;
        send_owed(end);
    }

    void send_owed(End& end) {
        while (end.owed > 0) {
            const ssize_t count = ::send(end.fd, buffer_.data(), end.owed, MSG_NOSIGNAL);
            if (count < 0) {
                result_.failed += errno != EAGAIN ? 1 : 0;
                return;
            }
            end.owed -= static_cast<std::size_t>(count);
        }
    }

    // The upstream sends back a message when it has come as a whole.
    void on_ping(End& end, std::uint32_t events) {
        send_owed(end);
        if ((events & EPOLLIN) == 0) {
            return;
        }
        for (;;) {
            const ssize_t count = ::recv(end.fd, buffer_.data(), buffer_.size(), 0);
            if (count <= 0) {
                result_.failed += count == 0 || errno != EAGAIN ? 1 : 0;
                return;
            }
            const auto got = static_cast<std::size_t>(count);
            if (end.is_client) {
                result_.bytes += got;
                end.pending -= std::min(end.pending, got);
                if (end.pending == 0) {
                    ++result_.round_trips;
                    begin_message(end);
                }
            } else {
                end.pending += got;
                if (end.pending >= size_) {
                    end.pending -= size_;
                    end.owed += size_;
                    send_owed(end);
                }
            }
            if (got < buffer_.size()) {
                return;
            }
        }
    }

    // The receiver drops the bytes without looking, so that the processor is there for the sender.
    void on_bulk(End& end, std::uint32_t events) {
        if (end.is_client) {
            if (::send(end.fd, buffer_.data(), kBulkPiece, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
                ++result_.failed;
            }
            return;
        }
        if ((events & EPOLLIN) == 0) {
            return;
        }
        for (;;) {
            const ssize_t count = ::recv(end.fd, nullptr, std::size_t{1} << 30, MSG_TRUNC);
            if (count <= 0) {
                result_.failed += count == 0 || errno != EAGAIN ? 1 : 0;
                return;
            }
            result_.bytes += static_cast<std::size_t>(count);
        }
    }

    std::size_t size_;
    std::vector<char> buffer_;
    std::vector<End> ends_;
    Result result_;
};

// ---- the probe ----

void wait_readable(int fd) {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, 5000) <= 0) {
        std::fprintf(stderr, "relay_load: no answer for 5 s\n");
        std::exit(1);
    }
}

/// A message from one end to the other, as a whole.
void carry(int from, int to) {
    std::array<char, 64> message{};
    if (::send(from, message.data(), message.size(), MSG_NOSIGNAL) != ssize_t{message.size()}) {
        die("send");
    }
    for (std::size_t got = 0; got < message.size();) {
        wait_readable(to);
        const ssize_t count = ::recv(to, message.data(), message.size() - got, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
            die("recv");
        }
        got += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
}

void probe(const Load& load, double seconds) {
    constexpr auto kEvery = std::chrono::milliseconds(5);
    await_start();
    std::vector<double> latencies;
    const auto start = Clock::now();
    for (auto due = start; std::chrono::duration<double>(due - start).count() < seconds;
         due += kEvery) {
        std::this_thread::sleep_until(due);
        const auto before = Clock::now();
        carry(load.client(), load.upstream());
        carry(load.upstream(), load.client());
        latencies.push_back(
            std::chrono::duration<double, std::micro>(Clock::now() - before).count());
    }
    std::ranges::sort(latencies);
    std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f, \"worst_us\": %.1f}\n",
                latencies[latencies.size() / 2], latencies[latencies.size() * 99 / 100],
                latencies.back());
}

// ---- the floor ----

constexpr std::size_t kPipeSize = 256 * 1024;

/// One direction's source; its destination is `other`.
struct Side {
    int fd = -1;
    Side* other = nullptr;
    std::size_t held = 0;  ///< received here, not yet sent there
    std::size_t begin = 0;
    std::array<int, 2> pipe{-1, -1};
    std::vector<char> buffer;
};

class Floor {
  public:
    Floor(std::size_t upstream_port, bool by_splice)
        : upstream_port_(upstream_port),
          by_splice_(by_splice),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

    [[noreturn]] void serve(int listening) {
        watch(epoll_, listening, EPOLLIN, 0);
        std::array<epoll_event, 256> events{};
        for (;;) {
            const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const epoll_event& event = events[static_cast<std::size_t>(i)];
                if (event.data.ptr == nullptr) {
                    accept_one(listening);
                    continue;
                }
                Side& side = *static_cast<Side*>(event.data.ptr);
                if ((event.events & EPOLLOUT) != 0 && side.other->held > 0) {
                    move(*side.other);
                }
                if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) {
                    move(side);
                }
            }
        }
    }

  private:
    void accept_one(int listening) {
        const int client = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            return;
        }
        set_nodelay(client);
        Side& one = sides_.emplace_back();
        Side& two = sides_.emplace_back();
        one.other = &two;
        two.other = &one;
        one.fd = client;
        two.fd = connect_to(upstream_port_);
        for (Side* const side : {&one, &two}) {
            side->buffer.resize(64 * 1024);
            if (by_splice_) {
                if (::pipe2(side->pipe.data(), O_NONBLOCK | O_CLOEXEC) != 0) {
                    die("pipe2");
                }
                ::fcntl(side->pipe[1], F_SETPIPE_SZ, kPipeSize);
            }
            watch(epoll_, side->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                  reinterpret_cast<std::uint64_t>(side));
        }
    }

    static ssize_t receive(Side& side) {
        if (side.pipe[0] >= 0) {
            return ::splice(side.fd, nullptr, side.pipe[1], nullptr, kPipeSize, SPLICE_F_NONBLOCK);
        }
        side.begin = 0;
        return ::recv(side.fd, side.buffer.data(), side.buffer.size(), 0);
    }

    static ssize_t pass_on(Side& side) {
        if (side.pipe[0] >= 0) {
            return ::splice(side.pipe[0], nullptr, side.other->fd, nullptr, side.held,
                            SPLICE_F_NONBLOCK);
        }
        return ::send(side.other->fd, side.buffer.data() + side.begin, side.held, MSG_NOSIGNAL);
    }

    static void close_both(Side& side) {
        for (Side* const one : {&side, side.other}) {
            for (int* const fd : {&one->fd, &one->pipe[0], &one->pipe[1]}) {
                if (*fd >= 0) {
                    ::close(std::exchange(*fd, -1));
                }
            }
            one->held = 0;
        }
    }

    static void move(Side& side) {
        while (side.fd >= 0) {
            while (side.held > 0) {
                const ssize_t sent = pass_on(side);
                if (sent < 0) {
                    return;
                }
                side.held -= static_cast<std::size_t>(sent);
                side.begin += static_cast<std::size_t>(sent);
            }
            const ssize_t got = receive(side);
            if (got == 0) {
                close_both(side);
            }
            if (got <= 0) {
                return;
            }
            side.held = static_cast<std::size_t>(got);
            // A short recv tells that nothing is left; a short splice may mean a full pipe.
            if (side.pipe[0] < 0 && side.held < side.buffer.size()) {
                if (pass_on(side) == got) {
                    side.held = 0;
                }
                return;
            }
        }
    }

    std::size_t upstream_port_;
    bool by_splice_;
    int epoll_;
    std::deque<Side> sides_;  // pointers stay; a floor forgets nothing
};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    ::signal(SIGPIPE, SIG_IGN);
    if (mode == "floor" && argc == 5) {
        Floor(number(argv[3]), std::string_view(argv[4]) == "splice")
            .serve(listen_on(number(argv[2])));
    }
    if (mode == "probe" && argc == 5) {
        ::alarm(static_cast<unsigned>(number(argv[4])) + 30);
        probe(Load(number(argv[2]), number(argv[3]), 1, 64), static_cast<double>(number(argv[4])));
        return 0;
    }
    if ((mode != "ping" && mode != "bulk") || argc != 7) {
        std::fprintf(
            stderr,
            "usage: relay_load ping|bulk UPSTREAM_PORT RELAY_PORT CONNECTIONS SIZE SECONDS\n"
            "       relay_load probe UPSTREAM_PORT RELAY_PORT SECONDS\n"
            "       relay_load floor RELAY_PORT UPSTREAM_PORT copy|splice\n");
        return 2;
    }
    ::alarm(static_cast<unsigned>(number(argv[6])) + 30);
    Load load(number(argv[2]), number(argv[3]), number(argv[4]), number(argv[5]));
    const auto seconds = static_cast<double>(number(argv[6]));
    const Result result = mode == "ping" ? load.ping(seconds) : load.bulk(seconds);
    std::printf("{\"round_trips\": %llu, \"bytes\": %llu, \"failed\": %llu, \"seconds\": %.6f}\n",
                static_cast<unsigned long long>(result.round_trips),
                static_cast<unsigned long long>(result.bytes),
                static_cast<unsigned long long>(result.failed), result.seconds);
    return 0;
}
