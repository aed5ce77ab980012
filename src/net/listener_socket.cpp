// SPDX-License-Identifier: BSD-2-Clause
// Opens listening sockets.
// Runs in: master.
#include "net/listener_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <utility>

#include "net/socket_option.h"
#include "sys/datagram.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace sluice::net {

namespace {

Result<> set_common_options(int fd, const Address& address, const ListenerOptions& options) {
    if (!address.is_unix() && options.reuseaddr) {
        TRY(set_named(fd, SOL_SOCKET, SO_REUSEADDR, 1, "setsockopt(SO_REUSEADDR)"));
    }
    if (!address.is_unix() && options.reuseport) {
        TRY(set_named(fd, SOL_SOCKET, SO_REUSEPORT, 1, "setsockopt(SO_REUSEPORT)"));
    }
    if (address.family() == AF_INET6) {
        TRY(set_named(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6only ? 1 : 0,
                      "setsockopt(IPV6_V6ONLY)"));
    }
    if (options.receive_buffer) {
        TRY(set_named(fd, SOL_SOCKET, SO_RCVBUF, to_option(*options.receive_buffer),
                      "setsockopt(SO_RCVBUF)"));
    }
    if (options.send_buffer) {
        TRY(set_named(fd, SOL_SOCKET, SO_SNDBUF, to_option(*options.send_buffer),
                      "setsockopt(SO_SNDBUF)"));
    }
    if (options.keepalive) {
        TRY(set_named(fd, SOL_SOCKET, SO_KEEPALIVE, *options.keepalive ? 1 : 0,
                      "setsockopt(SO_KEEPALIVE)"));
    }
    return {};
}

Result<> set_tcp_options(int fd, const ListenerOptions& options) {
    TRY(set_named(fd, IPPROTO_TCP, TCP_NODELAY, 1, "setsockopt(TCP_NODELAY)"));
    if (options.keepalive_idle > 0) {
        TRY(set_named(fd, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive_idle,
                      "setsockopt(TCP_KEEPIDLE)"));
    }
    if (options.keepalive_interval > 0) {
        TRY(set_named(fd, IPPROTO_TCP, TCP_KEEPINTVL, options.keepalive_interval,
                      "setsockopt(TCP_KEEPINTVL)"));
    }
    if (options.keepalive_count > 0) {
        TRY(set_named(fd, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count,
                      "setsockopt(TCP_KEEPCNT)"));
    }
    if (options.deferred) {
        TRY(set_named(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1, "setsockopt(TCP_DEFER_ACCEPT)"));
    }
    if (options.fastopen) {
        TRY(set_named(fd, IPPROTO_TCP, TCP_FASTOPEN, *options.fastopen,
                      "setsockopt(TCP_FASTOPEN)"));
    }
    return {};
}

/// A socket of all addresses has to be told which one a client asked, so that it is answered from
/// there. Several datagrams of one client may come as one; a kernel that cannot has to be asked in vain.
Result<> set_datagram_options(int fd, const Address& address) {
    const IpBytes ip = address.ip();
    const auto bytes = std::span(ip.bytes).first(ip.size);
    if (std::ranges::all_of(bytes, [](unsigned char byte) { return byte == 0; })) {
        TRY(sys::want_local_addresses(fd, address.family()));
    }
    (void)sys::want_segments(fd);
    return {};
}

// Nobody listens at a socket file when connecting is refused outright. Any other answer (accepted,
// queue full, another type, no permission) means that it is, or may be, in use.
bool is_stale(const Address& address, int type) {
    const Result<sys::FileInfo> info =
        sys::file_info_at(AT_FDCWD, std::string(address.path()).c_str(), false);
    if (!info || !info->is_socket()) {
        return false;
    }
    const Result<sys::UniqueFd> probe = sys::socket(AF_UNIX, type);
    if (!probe) {
        return false;
    }
    const Result<> connected = sys::connect(probe->get(), address.raw(), address.size());
    return !connected && connected.error().code == ECONNREFUSED;
}

Result<> bind_to(int fd, const Address& address, const ListenerOptions& options) {
    const Result<> bound = sys::bind(fd, address.raw(), address.size());
    if (!address.is_unix()) {
        return bound;
    }
    const std::string path(address.path());
    if (!bound) {
        const int type = options.is_datagram ? SOCK_DGRAM : SOCK_STREAM;
        if (bound.error().code != EADDRINUSE || !is_stale(address, type)) {
            return bound;
        }
        TRY(sys::unlink(path.c_str()));
        TRY(sys::bind(fd, address.raw(), address.size()));
    }
    return sys::change_mode(path.c_str(),
                            options.unix_mode);  // before listen: nobody is let in yet
}

}  // namespace

Result<sys::UniqueFd> open_listener(const Address& address, const ListenerOptions& options) {
    const int type = options.is_datagram ? SOCK_DGRAM : SOCK_STREAM;
    sys::UniqueFd fd = TRY(sys::socket(address.family(), type));
    TRY(set_common_options(fd.get(), address, options));
    if (!address.is_unix() && !options.is_datagram) {
        TRY(set_tcp_options(fd.get(), options));
    } else if (!address.is_unix()) {
        TRY(set_datagram_options(fd.get(), address));
    }
    TRY(bind_to(fd.get(), address, options));
    if (!options.is_datagram) {
        TRY(sys::listen(fd.get(), options.backlog));
    }
    return fd;
}

Result<> change_backlog(int listening, int backlog) {
    return sys::listen(listening, backlog);
}

}  // namespace sluice::net
