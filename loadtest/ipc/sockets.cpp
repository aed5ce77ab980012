// SPDX-License-Identifier: BSD-2-Clause
// Connecting sockets with each other, and whole transfers.
// Runs in: ipc_bench, both of its processes.
#include "ipc/sockets.h"

#include <cerrno>
#include <cstdio>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc/link.h"

namespace sluice::ipc_bench {

namespace {

int new_socket(int family, int type) {
    return must(::socket(family, type | SOCK_CLOEXEC, 0), "socket()");
}

template <class Address>
int bound(int type, Address& address) {
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const int fd = new_socket(generic->sa_family, type);
    must(::bind(fd, generic, sizeof address), "bind()");
    socklen_t size = sizeof address;
    must(::getsockname(fd, generic, &size), "getsockname()");  // the kernel has chosen a port
    return fd;
}

/// A reader bound to `address` and a writer connected to it.
template <class Address>
Ends connected(int type, Address& address) {
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    Ends ends{.reader = bound(type, address)};
    const bool is_accepted = type != SOCK_DGRAM;
    if (is_accepted) {
        must(::listen(ends.reader, 1), "listen()");
    }
    ends.writer = new_socket(generic->sa_family, type);
    must(::connect(ends.writer, generic, sizeof address), "connect()");
    if (is_accepted) {
        const int listener = ends.reader;
        ends.reader = must(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept4()");
        ::close(listener);
    }
    return ends;
}

sockaddr_in loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

Ends tcp_pair() {
    sockaddr_in address = loopback();
    const Ends ends = connected(SOCK_STREAM, address);
    const int on = 1;
    for (const int fd : {ends.reader, ends.writer}) {
        must(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt()");
    }
    return ends;
}

Ends udp_pair() {
    sockaddr_in address = loopback();
    return connected(SOCK_DGRAM, address);
}

Ends unix_pair(int type) {
    std::string folder = "/tmp/ipc_bench.XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
        fail("mkdtemp()");
    }
    const std::string path = folder + "/socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const Ends ends = connected(type, address);
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
    return ends;
}

void read_exactly(int fd, std::span<char> into) {
    while (!into.empty()) {
        const ssize_t got = must(::read(fd, into.data(), into.size()), "read()");
        if (got == 0) {
            errno = EPIPE;
            fail("read()");
        }
        into = into.subspan(static_cast<std::size_t>(got));
    }
}

void write_exactly(int fd, std::span<const char> bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = must(::write(fd, bytes.data(), bytes.size()), "write()");
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

void send_exactly(int fd, std::span<const char> bytes, int flags) {
    while (!bytes.empty()) {
        const ssize_t sent = must(::send(fd, bytes.data(), bytes.size(), flags), "send()");
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

}  // namespace sluice::ipc_bench
