// SPDX-License-Identifier: BSD-2-Clause
// Connector: options, connect, and what the first event means.
// Runs in: worker.
#include "net/connector.h"

#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "net/socket_option.h"

namespace sluice::net {

namespace {

Result<> set_options(int fd, const Address& to, const ConnectOptions& options) {
    if (options.has_keepalive) {
        TRY(set_named(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "setsockopt(SO_KEEPALIVE)"));
    }
    if (options.receive_buffer) {
        TRY(set_named(fd, SOL_SOCKET, SO_RCVBUF, to_option(*options.receive_buffer),
                      "setsockopt(SO_RCVBUF)"));
    }
    if (options.send_buffer) {
        TRY(set_named(fd, SOL_SOCKET, SO_SNDBUF, to_option(*options.send_buffer),
                      "setsockopt(SO_SNDBUF)"));
    }
    if (options.has_nodelay && !options.is_datagram && !to.is_unix()) {
        TRY(set_named(fd, IPPROTO_TCP, TCP_NODELAY, 1, "setsockopt(TCP_NODELAY)"));
    }
    return {};
}

Result<> bind_from(int fd, const Address& from, bool is_transparent) {
    if (is_transparent && from.family() == AF_INET) {
        TRY(set_named(fd, IPPROTO_IP, IP_TRANSPARENT, 1, "setsockopt(IP_TRANSPARENT)"));
    }
    if (is_transparent && from.family() == AF_INET6) {
        TRY(set_named(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1, "setsockopt(IPV6_TRANSPARENT)"));
    }
    if (!from.is_unix() && from.port() == 0) {
        (void)sys::set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);  // saves ports, no more
    }
    return sys::bind(fd, from.raw(), from.size());
}

}  // namespace

Result<Outgoing> open_outgoing(const Address& to, const ConnectOptions& options) {
    Outgoing out;
    out.fd = TRY(sys::socket(to.family(), options.is_datagram ? SOCK_DGRAM : SOCK_STREAM));
    TRY(set_options(out.fd.get(), to, options));
    if (options.from != nullptr) {
        TRY(bind_from(out.fd.get(), *options.from, options.is_transparent));
    }
    const Result<> connected = sys::connect(out.fd.get(), to.raw(), to.size());
    if (!connected && connected.error().code != EINPROGRESS) {
        return std::unexpected(connected.error());
    }
    out.is_connected = connected.has_value();
    return out;
}

Connector::Connector(event::Loop& loop) : loop_(loop) {
    run = [](event::Posted& posted) {
        auto& self = static_cast<Connector&>(posted);
        self.finish(self.outcome_);
    };
}

void Connector::start(std::optional<OwnedConnection>& into,
                      const Address& to,
                      const ConnectOptions& options) {
    cancel();
    into.reset();
    into_ = &into;
    begin(to, options);
}

// A Unix socket whose queue of connections is full says EAGAIN, which no event will ever mend.
void Connector::begin(const Address& to, const ConnectOptions& options) {
    using Kind = ConnectOutcome::Kind;
    Result<Outgoing> opened = open_outgoing(to, options);
    if (!opened) {
        const bool is_answer = std::string_view(opened.error().op) == "connect()";
        outcome_ = {is_answer ? Kind::Refused : Kind::Unable, opened.error()};
        loop_.post(*this);
        return;
    }
    OwnedConnection& connection = into_->emplace(loop_, std::move(opened->fd), to, ListenerId{});
    connection.assume(false, opened->is_connected);
    connection.owner = this;
    connection.on_event = [](Connection& self) { owner_of<Connector>(self).conclude(); };
    connection.on_deadline = [](Connection& self) {
        owner_of<Connector>(self).finish({Kind::TimedOut, Error{"connect()", ETIMEDOUT}});
    };
    if (const Result<> watched = connection.watch(); !watched) {
        outcome_ = {Kind::Unable, watched.error()};
        loop_.post(*this);
    } else if (opened->is_connected) {
        outcome_ = {Kind::Connected, {}};
        loop_.post(*this);
    } else if (options.timeout > Millis(0)) {
        connection.set_deadline_in(options.timeout);
    }
}

// Of a socket that is not connected yet the kernel tells writability, or an error with a hang-up;
// of one whose peer has closed at once both, and then SO_ERROR is 0.
void Connector::conclude() {
    using Kind = ConnectOutcome::Kind;
    OwnedConnection& connection = **into_;
    if (!connection.is_peer_closed()) {
        if (connection.is_writable()) {
            finish({Kind::Connected, {}});
        }
        return;
    }
    const Result<int> error = sys::get_option(connection.fd, SOL_SOCKET, SO_ERROR);
    const int code = error ? *error : error.error().code;
    if (code != 0) {
        finish({Kind::Refused, Error{"connect()", code}});
        return;
    }
    finish({Kind::Connected, {}});
}

void Connector::cancel() {
    event::Posted::unlink();
    if (into_ != nullptr) {
        std::exchange(into_, nullptr)->reset();
    }
}

void Connector::finish(const ConnectOutcome& outcome) {
    const ConnectOutcome told = outcome;
    event::Posted::unlink();
    std::optional<OwnedConnection>& into = *std::exchange(into_, nullptr);
    if (told.is_connected()) {
        into->clear_deadline();
        // Events that come before its next owner takes it are noted, and change nothing else.
        into->owner = nullptr;
        into->on_event = [](Connection&) {};
    } else {
        into.reset();
    }
    on_done(*this, told);
}

}  // namespace sluice::net
