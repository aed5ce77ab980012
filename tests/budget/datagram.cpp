// SPDX-License-Identifier: BSD-2-Clause
// Budget of one datagram in `stream`: allocations and system calls of the wire under return, echo,
// a proxied session and a proxied session of one datagram. Clients and peer live in the same
// program; what the server calls is counted because its calls are ours to define here. Golden
// numbers stand in the table.
// Runs in: tests.
#include "sys/datagram.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "counted_malloc.h"
#include "event/loop.h"
#include "log/journal.h"
#include "log/lane_log.h"
#include "net/protocol.h"
#include "net/service.h"
#include "registry/registry.h"
#include "shm/shared_log.h"
#include "support/one_file.h"

namespace {

/// Work of one kind, and what one datagram of it may cost.
struct Case {
    const char* name;
    std::string_view handler;  ///< @peer@ stands for the peer's port
    double calls;
};

// ---- golden numbers; raising one is a decision ----
constexpr Case kCases[] = {
    {"return", "return ACK;", 0.20},
    {"echo", "echo;", 0.20},
    // send to the peer, recvmmsg of its answer; the rest is shared by all
    {"proxy", "proxy_pass 127.0.0.1:@peer@;", 2.25},
    // and for a session of its own: recv until empty, connect, disconnect
    {"once", "proxy_pass 127.0.0.1:@peer@; proxy_requests 1; proxy_responses 1;", 5.25},
};
constexpr long kAllocations = 0;

constexpr std::size_t kClients = 30;
constexpr int kWarmUp = 20;
constexpr int kRounds = 100;

bool is_counting = false;
long allocations = 0;
long calls = 0;

template <class... Args>
long call(long number, Args... args) {
    calls += is_counting ? 1 : 0;
    return ::syscall(number, args...);
}

}  // namespace

void sluice::budget::note_allocation() {
    allocations += is_counting ? 1 : 0;
}

// The system calls of sluice's rooms are linked to those that stand here.
extern "C" {
int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* limit) {
    return static_cast<int>(call(SYS_recvmmsg, fd, messages, count, flags, limit));
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
    return static_cast<int>(call(SYS_sendmmsg, fd, messages, count, flags));
}

ssize_t send(int fd, const void* bytes, std::size_t size, int flags) {
    return call(SYS_sendto, fd, bytes, size, flags, nullptr, 0);
}

ssize_t recv(int fd, void* bytes, std::size_t size, int flags) {
    return call(SYS_recvfrom, fd, bytes, size, flags, nullptr, nullptr);
}

int socket(int family, int type, int protocol) noexcept {
    return static_cast<int>(call(SYS_socket, family, type, protocol));
}

int connect(int fd, const sockaddr* address, socklen_t size) {
    return static_cast<int>(call(SYS_connect, fd, address, size));
}

int close(int fd) {
    return static_cast<int>(call(SYS_close, fd));
}

int epoll_ctl(int epoll, int what, int fd, epoll_event* event) noexcept {
    return static_cast<int>(call(SYS_epoll_ctl, epoll, what, fd, event));
}

int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
    return static_cast<int>(call(SYS_epoll_wait, epoll, events, most, timeout));
}
}

namespace {

using namespace sluice;  // NOLINT: a test program of one file

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "budget: %s: %s\n", what, std::strerror(errno));
    std::_Exit(2);
}

/// Bound to a free port of the loopback.
int bound_socket(sockaddr_in& address) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        give_up("bind");
    }
    return fd;
}

Millis clock_now{1'000'000};  ///< moves on with each turn

/// Clients and the peer.
struct Others {
    int listening = -1;
    sockaddr_in server{};
    int peer = -1;
    sockaddr_in peer_address{};
    std::vector<int> clients;

    Others() {
        listening = bound_socket(server);
        if (!sys::want_segments(listening)) {
            give_up("UDP_GRO");
        }
        peer = bound_socket(peer_address);
        for (std::size_t i = 0; i < kClients; ++i) {
            sockaddr_in own{};
            clients.push_back(bound_socket(own));
            if (::connect(clients.back(), reinterpret_cast<sockaddr*>(&server), sizeof server) !=
                0) {
                give_up("connect");
            }
        }
    }

    void ask() const {
        for (const int fd : clients) {
            if (::send(fd, "0123456789012345678901234567890", 31, 0) < 0) {
                give_up("send");
            }
        }
    }

    void echo() const {
        std::array<char, 100> bytes;
        sockaddr_in sender{};
        socklen_t size = sizeof sender;
        for (ssize_t got = 0; got >= 0;) {
            got = ::recvfrom(peer, bytes.data(), bytes.size(), 0,
                             reinterpret_cast<sockaddr*>(&sender), &size);
            if (got >= 0) {
                (void)::sendto(peer, bytes.data(), static_cast<std::size_t>(got), 0,
                               reinterpret_cast<sockaddr*>(&sender), size);
            }
        }
    }

    [[nodiscard]] std::size_t answers() const {
        std::size_t count = 0;
        std::array<char, 100> bytes;
        for (const int fd : clients) {
            count += ::recv(fd, bytes.data(), bytes.size(), 0) > 0 ? 1U : 0U;
        }
        return count;
    }
};

std::string configuration(const Case& which, const Others& others) {
    std::string handler(which.handler);
    constexpr std::string_view kPeer = "@peer@";
    if (const std::size_t at = handler.find(kPeer); at != handler.npos) {
        handler.replace(at, kPeer.size(), std::to_string(ntohs(others.peer_address.sin_port)));
    }
    return "stream { server { listen 127.0.0.1:1 udp; " + handler + " } }";
}

std::unique_ptr<net::Protocol> make_protocol(net::WorkerContext& context) {
    for (const net::ProtocolKind& kind : registry::protocols()) {
        if (kind.name == "dgram") {
            return kind.create(context);
        }
    }
    return nullptr;
}

/// One turn of the server, which is all that is counted.
void turn(event::Loop& loop) {
    clock_now += Millis(5);
    is_counting = true;
    if (!loop.run_once(Millis(0))) {
        give_up("epoll_wait");
    }
    is_counting = false;
}

bool measure(const Case& which, log::LaneLog& lanes) {
    const Others others;
    support::OneFile facts(configuration(which, others));
    conf::Compiled compiled = support::compile(facts);
    if (!compiled.generation) {
        std::fprintf(stderr, "%s\n", compiled.errors.front().c_str());
        return false;
    }
    auto loop = event::Loop::create({.monotonic = [] { return clock_now; }});
    net::WorkerContext context{.loop = **loop,
                               .lanes = lanes,
                               .current = conf::GenerationRef(std::move(compiled.generation))};
    std::vector<std::unique_ptr<net::Service>> services;
    for (const net::ServiceKind& kind : registry::services()) {
        services.push_back(kind.create(context));
    }
    const auto protocol = make_protocol(context);
    sys::UniqueFd listening(others.listening);
    auto intake = protocol->listen(ListenerId{1}, listening);
    std::size_t answers = 0;
    for (int round = 0; round < kWarmUp + kRounds; ++round) {
        if (round == kWarmUp) {
            calls = allocations = 0;
        }
        others.ask();
        turn(**loop);
        others.echo();
        turn(**loop);
        answers += others.answers();
    }
    const double share = static_cast<double>(calls) / (kRounds * kClients);
    std::printf("%-8s %.3f calls per datagram, at most %.2f; %ld allocations; %zu answers\n",
                which.name, share, which.calls, allocations, answers);
    const bool is_whole = answers == (kWarmUp + kRounds) * kClients;
    const bool is_good = is_whole && share <= which.calls && allocations <= kAllocations;
    intake.reset();
    protocol->stop();
    return is_good;
}

}  // namespace

int main() {
    auto region = shm::SharedLog::create(1);
    log::LaneLog lanes(*region, SlotId{0}, -1);
    log::Journal journal;
    journal.use_lanes(&lanes);
    journal.install();
    bool is_good = true;
    for (const Case& which : kCases) {
        is_good = measure(which, lanes) && is_good;
    }
    return is_good ? 0 : 1;
}
