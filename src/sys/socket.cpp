// SPDX-License-Identifier: BSD-2-Clause
// Sockets.
// Runs in: any.
#include "sys/socket.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::sys {

namespace {

Result<Transfer> sent(ssize_t size, const char* op) {
    if (size >= 0) {
        return Transfer{.size = static_cast<std::size_t>(size)};
    }
    if (errno == EAGAIN) {
        return Transfer{.is_blocked = true};
    }
    return fail(op);
}

Result<Transfer> received(ssize_t size, bool wanted_bytes, const char* op) {
    if (size == 0 && wanted_bytes) {
        return Transfer{.is_end = true};
    }
    return sent(size, op);
}

template <class Call>
auto retried(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) {
        result = call();
    }
    return result;
}

// Large enough for kMaxPassedFds descriptors in one message.
using ControlBuffer = std::array<char, CMSG_SPACE(sizeof(int) * kMaxPassedFds)>;

}  // namespace

void close_fd(int fd) noexcept {
    ::close(fd);
}

Result<UniqueFd> socket(int family, int type, int protocol) {
    const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        return fail("socket()");
    }
    return UniqueFd(fd);
}

Result<SocketPair> socketpair(int type) {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) {
        return fail("socketpair()");
    }
    return SocketPair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<> bind(int fd, const sockaddr* address, socklen_t size) {
    if (::bind(fd, address, size) != 0) {
        return fail("bind()");
    }
    return {};
}

Result<> listen(int fd, int backlog) {
    if (::listen(fd, backlog) != 0) {
        return fail("listen()");
    }
    return {};
}

Result<> connect(int fd, const sockaddr* address, socklen_t size) {
    if (::connect(fd, address, size) != 0) {
        return fail("connect()");
    }
    return {};
}

Result<UniqueFd> accept(int fd, sockaddr_storage* peer, socklen_t* size) {
    const socklen_t capacity = size == nullptr ? 0 : *size;
    for (;;) {
        if (size != nullptr) {
            *size = capacity;
        }
        auto* const address = reinterpret_cast<sockaddr*>(peer);
        const int accepted = ::accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            return UniqueFd(accepted);
        }
        if (errno != EINTR && errno != ECONNABORTED) {
            return fail("accept4()");
        }
    }
}

Result<> local_address(int fd, sockaddr_storage* address, socklen_t* size) {
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(address), size) != 0) {
        return fail("getsockname()");
    }
    return {};
}

Result<> peer_address(int fd, sockaddr_storage* address, socklen_t* size) {
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(address), size) != 0) {
        return fail("getpeername()");
    }
    return {};
}

Result<> set_option(int fd, int level, int name, int value) {
    if (::setsockopt(fd, level, name, &value, sizeof value) != 0) {
        return fail("setsockopt()");
    }
    return {};
}

Result<> set_congestion_control(int fd, std::string_view name) {
    const auto size = static_cast<socklen_t>(name.size());
    if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), size) != 0) {
        return fail("setsockopt(TCP_CONGESTION)");
    }
    return {};
}

Result<> set_reset_on_close(int fd) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    if (::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0) {
        return fail("setsockopt(SO_LINGER)");
    }
    return {};
}

Result<int> get_option(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, level, name, &value, &size) != 0) {
        return fail("getsockopt()");
    }
    return value;
}

Result<TcpFacts> tcp_facts(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return fail("getsockopt(TCP_INFO)");
    }
    return TcpFacts{info.tcpi_rtt, info.tcpi_rttvar, info.tcpi_snd_cwnd, info.tcpi_rcv_space};
}

Result<> refuse_new_connections(int listening, bool on) {
    if (!on) {
        constexpr int kUnused = 0;
        if (::setsockopt(listening, SOL_SOCKET, SO_DETACH_FILTER, &kUnused, sizeof kUnused) != 0 &&
            errno != ENOENT) {
            return fail("setsockopt(SO_DETACH_FILTER)");
        }
        return {};
    }
    // The filter sees a segment from its TCP header on: byte 13 holds the flags.
    constexpr std::uint32_t kSynAndAck = 0x12;
    constexpr std::uint32_t kSynOnly = 0x02;
    std::array<sock_filter, 5> program = {{
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAndAck),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSynOnly, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffff'ffffU),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::setsockopt(listening, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
        return fail("setsockopt(SO_ATTACH_FILTER)");
    }
    return {};
}

Result<> shutdown(int fd, int how) {
    if (::shutdown(fd, how) != 0 && errno != ENOTCONN) {
        return fail("shutdown()");
    }
    return {};
}

Result<Transfer> recv(int fd, std::span<char> into, int flags) {
    const ssize_t size = retried([&] { return ::recv(fd, into.data(), into.size(), flags); });
    return received(size, !into.empty(), "recv()");
}

Result<Transfer> send(int fd, std::span<const char> bytes, int flags) {
    return sent(retried([&] {
                    return ::send(fd, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
                }),
                "send()");
}

Result<Transfer> send_vector(int fd, std::span<const iovec> pieces, int flags) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // the kernel does not write to it
    message.msg_iovlen = pieces.size();
    return sent(retried([&] { return ::sendmsg(fd, &message, flags | MSG_NOSIGNAL); }),
                "sendmsg()");
}

Result<Transfer> sendfile(int out, int in, off_t* offset, std::size_t size) {
    const ssize_t moved = retried([&] { return ::sendfile(out, in, offset, size); });
    return received(moved, size > 0, "sendfile()");
}

Result<Transfer> send_with_fds(int fd, std::span<const char> bytes, std::span<const int> fds) {
    if (fds.size() > kMaxPassedFds) {
        return fail("sendmsg()", E2BIG);
    }
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    alignas(cmsghdr) ControlBuffer control{};
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    return sent(retried([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); }), "sendmsg()");
}

Result<ReceivedFds> recv_with_fds(int fd, std::span<char> bytes, std::span<UniqueFd> fds) {
    iovec piece{bytes.data(), bytes.size()};
    alignas(cmsghdr) ControlBuffer control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = retried([&] { return ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC); });
    const Transfer transfer = TRY(received(size, true, "recvmsg()"));
    ReceivedFds out{.transfer = transfer};
    if (transfer.is_blocked) {
        return out;
    }
    out.is_truncated = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int passed = -1;
            std::memcpy(&passed, CMSG_DATA(header) + i * sizeof(int), sizeof passed);
            UniqueFd owned(passed);
            if (out.count < fds.size()) {
                fds[out.count++] = std::move(owned);
            } else {
                out.is_truncated = true;
            }
        }
    }
    return out;
}

Result<PeerCredentials> peer_credentials(int fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return fail("getsockopt(SO_PEERCRED)");
    }
    return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace sluice::sys
