// SPDX-License-Identifier: BSD-2-Clause
// Pairs of connected sockets, and whole reads and writes of a stream.
// Runs in: ipc_bench, both of its processes.
#pragma once

#include <cstddef>
#include <span>

namespace sluice::ipc_bench {

/// A connection's two ends; whoever asked closes them.
struct Ends {
    int reader = -1;
    int writer = -1;
};

/// A TCP connection over 127.0.0.1, TCP_NODELAY on both sides.
[[nodiscard]] Ends tcp_pair();
/// Two UDP sockets of 127.0.0.1; the writer is connected to the reader.
[[nodiscard]] Ends udp_pair();
/// A Unix socket with a name in the file system, and one connected to it; the name is gone already.
/// `type`: SOCK_STREAM and SOCK_SEQPACKET are accepted from a listener, SOCK_DGRAM is not.
[[nodiscard]] Ends unix_pair(int type);

/// Reads until `into` is full. Ends the program where the other side closes.
void read_exactly(int fd, std::span<char> into);
/// Writes all; `fd` may be a pipe.
void write_exactly(int fd, std::span<const char> bytes);
/// The same for a socket, with flags of send().
void send_exactly(int fd, std::span<const char> bytes, int flags);

}  // namespace sluice::ipc_bench
