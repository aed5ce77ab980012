// SPDX-License-Identifier: BSD-2-Clause
// Sockets, one function per call. All sockets are non-blocking and close-on-exec. "Would block" is
// no error here: the transfer functions say so in Transfer.
// Runs in: any.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace sluice::sys {

/// What one transfer did. Exactly one of: bytes moved (`size` > 0, or 0 for an empty request),
/// `is_blocked`, `is_end` (the peer sent FIN).
struct Transfer {
    std::size_t size = 0;
    bool is_blocked = false;
    bool is_end = false;
};

[[nodiscard]] Result<UniqueFd> socket(int family, int type, int protocol = 0);
/// Two connected sockets of AF_UNIX.
struct SocketPair {
    UniqueFd first;
    UniqueFd second;
};
[[nodiscard]] Result<SocketPair> socketpair(int type);
[[nodiscard]] Result<> bind(int fd, const sockaddr* address, socklen_t size);
[[nodiscard]] Result<> listen(int fd, int backlog);
/// An error of EINPROGRESS (TCP) or EAGAIN (Unix) is returned as such.
[[nodiscard]] Result<> connect(int fd, const sockaddr* address, socklen_t size);
/// Accepts one connection. Error code EAGAIN: none is waiting. ECONNABORTED and EINTR are retried.
[[nodiscard]] Result<UniqueFd> accept(int fd, sockaddr_storage* peer, socklen_t* size);
[[nodiscard]] Result<> local_address(int fd, sockaddr_storage* address, socklen_t* size);
/// Fails with ENOTCONN before a connection is established.
[[nodiscard]] Result<> peer_address(int fd, sockaddr_storage* address, socklen_t* size);
[[nodiscard]] Result<> set_option(int fd, int level, int name, int value);
/// TCP_CONGESTION (tcp(7)); "reno" is in every kernel and allowed to everybody.
[[nodiscard]] Result<> set_congestion_control(int fd, std::string_view name);
/// Makes the next close() of `fd` send a reset instead of what is queued (SO_LINGER of 0 s).
[[nodiscard]] Result<> set_reset_on_close(int fd);
[[nodiscard]] Result<int> get_option(int fd, int level, int name);
/// Makes the kernel drop every new SYN to a listening TCP socket (or ends that), while handshakes
/// under way and connections that are queued stay. A client whose SYN was dropped asks again after
/// a second and finds whoever listens then.
[[nodiscard]] Result<> refuse_new_connections(int listening, bool on);
/// shutdown(2); a peer that is already gone (ENOTCONN) is no error.
[[nodiscard]] Result<> shutdown(int fd, int how);

[[nodiscard]] Result<Transfer> recv(int fd, std::span<char> into, int flags = 0);
/// `flags`: MSG_MORE or 0; MSG_NOSIGNAL is always added.
[[nodiscard]] Result<Transfer> send(int fd, std::span<const char> bytes, int flags = 0);
[[nodiscard]] Result<Transfer> send_vector(int fd, std::span<const iovec> pieces, int flags = 0);
/// Sends from `in` at `*offset` and moves the offset on. is_end: the file is shorter than asked.
[[nodiscard]] Result<Transfer> sendfile(int out, int in, off_t* offset, std::size_t size);

/// sendmsg with descriptors (SCM_RIGHTS); at most kMaxPassedFds of them.
inline constexpr std::size_t kMaxPassedFds = 253;
[[nodiscard]] Result<Transfer> send_with_fds(int fd, std::span<const char> bytes, std::span<const int> fds);
/// recvmsg with descriptors, received close-on-exec.
struct ReceivedFds {
    Transfer transfer;
    std::size_t count = 0;
    bool is_truncated = false;
};
[[nodiscard]] Result<ReceivedFds> recv_with_fds(int fd, std::span<char> bytes, std::span<UniqueFd> fds);
/// What TCP knows of a connection: times in microseconds.
struct TcpFacts {
    std::uint32_t round_trip = 0;
    std::uint32_t round_trip_variance = 0;
    std::uint32_t send_window = 0;  ///< congestion window, in segments
    std::uint32_t receive_space = 0;
};
[[nodiscard]] Result<TcpFacts> tcp_facts(int fd);
/// The process at the other end of a Unix socket.
struct PeerCredentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
[[nodiscard]] Result<PeerCredentials> peer_credentials(int fd);

}  // namespace sluice::sys
