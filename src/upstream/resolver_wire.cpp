// SPDX-License-Identifier: BSD-2-Clause
// c-ares in the loop.
// Runs in: worker.
#include "upstream/resolver_wire.h"

#include <algorithm>
#include <ares.h>
#include <array>
#include <chrono>
#include <cstring>

#include "log/log.h"
#include "sys/epoll.h"

namespace sluice::upstream {

namespace {

// RFC 1035 §3.2.4.
constexpr int kClassIn = 1;
/// The first try; c-ares doubles it with each round. Four rounds are the 30 s of resolver_timeout.
constexpr int kTryMillis = 2000;
constexpr int kTries = 4;

/// `servers` as c-ares wants them: a list through `nodes`.
void link_servers(std::span<const net::Address> servers, std::vector<ares_addr_port_node>& nodes) {
    nodes.resize(servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const net::IpBytes ip = servers[i].ip();
        ares_addr_port_node& node = nodes[i];
        node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
        node.family = servers[i].family();
        std::memcpy(&node.addr, ip.bytes.data(), ip.size);
        node.udp_port = node.tcp_port = servers[i].port();
    }
}

}  // namespace

bool ResolverWire::start(std::span<const net::Address> servers) {
    std::array<char, 2> lookups = {'b', '\0'};  // name servers only
    in_addr nobody{};
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    options.timeout = kTryMillis;
    options.tries = kTries;
    options.lookups = lookups.data();
    options.servers = &nobody;  // whoever is named here is replaced below
    options.nservers = 1;
    options.sock_state_cb_data = this;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int wants_read, int wants_write) {
        static_cast<ResolverWire*>(self)->on_socket(fd, wants_read != 0, wants_write != 0);
    };
    // Everything that c-ares would otherwise look up in files is given.
    constexpr int kGiven = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                           ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS |
                           ARES_OPT_SORTLIST | ARES_OPT_SOCK_STATE_CB | ARES_OPT_ROTATE;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&channel_, &options, kGiven) != ARES_SUCCESS) {
        channel_ = nullptr;
        return false;
    }
    std::vector<ares_addr_port_node> nodes;
    link_servers(servers, nodes);
    deadline_.wire = this;
    deadline_.fire = [](event::Timer& timer) {
        static_cast<Deadline&>(timer).wire->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    };
    return ares_set_servers_ports(channel_, nodes.data()) == ARES_SUCCESS;
}

ResolverWire::~ResolverWire() {
    if (channel_ != nullptr) {
        ares_destroy(channel_);
        ares_library_cleanup();
    }
}

void ResolverWire::ask(const std::string& name, std::uint16_t type, Answered answered, void* arg) {
    if (channel_ == nullptr) {
        return answered(arg, ARES_ENOTINITIALIZED, 0, nullptr, 0);
    }
    ares_query(channel_, name.c_str(), kClassIn, type, answered, arg);
    set_deadline();
}

void ResolverWire::on_socket(int fd, bool wants_read, bool wants_write) {
    const auto found = std::ranges::find(sockets_, fd, [](const auto& one) { return one->fd; });
    const std::uint32_t events = (wants_read ? EPOLLIN : 0U) | (wants_write ? EPOLLOUT : 0U);
    if (found != sockets_.end()) {
        Socket& socket = **found;
        if (events == 0) {
            loop_.forget(socket);
            dead_.push_back(std::move(*found));
            sockets_.erase(found);
        } else if (events != socket.events && loop_.modify(socket, events)) {
            socket.events = events;
        }
        return;
    }
    if (events == 0) {
        return;
    }
    auto socket = std::make_unique<Socket>();
    socket->wire = this;
    socket->fd = fd;
    socket->events = events;
    socket->on_ready = [](event::Pollable& pollable, std::uint32_t ready) {
        const Socket& self = static_cast<Socket&>(pollable);
        const bool has_trouble = (ready & (EPOLLERR | EPOLLHUP)) != 0;
        const bool can_read = has_trouble || (ready & EPOLLIN) != 0;
        const bool can_write = has_trouble || (ready & EPOLLOUT) != 0;
        self.wire->process(can_read ? self.fd : ARES_SOCKET_BAD,
                           can_write ? self.fd : ARES_SOCKET_BAD);
    };
    if (const Result<> watched = loop_.watch(*socket, events); !watched) {
        log::write(log::Level::Error, "resolver: {}", log::Failure{watched.error()});
    }
    sockets_.push_back(std::move(socket));
}

void ResolverWire::process(int read_fd, int write_fd) {
    ares_process_fd(channel_, read_fd, write_fd);
    dead_.clear();
    set_deadline();
}

void ResolverWire::set_deadline() {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) {
        return event::TimerWheel::disarm(deadline_);
    }
    const std::chrono::seconds seconds(left.tv_sec);
    const std::chrono::microseconds micros(left.tv_usec);
    // One more, so that c-ares agrees that the time is over.
    loop_.arm(deadline_, std::chrono::duration_cast<Millis>(seconds + micros) + Millis(1));
}

}  // namespace sluice::upstream
