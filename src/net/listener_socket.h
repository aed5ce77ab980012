// SPDX-License-Identifier: BSD-2-Clause
// Opens listening sockets: options, bind, listen, and the files of Unix sockets. Only the master
// does this; workers get the descriptors.
// Runs in: master.
#pragma once

#include <optional>
#include <sys/types.h>

#include "base/error.h"
#include "base/units.h"
#include "net/address.h"
#include "sys/unique_fd.h"

namespace sluice::net {

/// How one listening socket is set up. Options left empty keep the kernel's value.
struct ListenerOptions {
    int backlog = 511;
    bool is_datagram = false;
    bool reuseaddr = true;
    bool reuseport = false;
    bool ipv6only = true;
    bool deferred = false;  ///< TCP_DEFER_ACCEPT: accept when the first bytes are there
    std::optional<int> fastopen = std::nullopt;          ///< queue length of TCP_FASTOPEN
    std::optional<bool> keepalive = std::nullopt;        ///< SO_KEEPALIVE
    int keepalive_idle = 0;  ///< TCP_KEEPIDLE, seconds; 0 here and below: the kernel's
    int keepalive_interval = 0;  ///< TCP_KEEPINTVL, seconds
    int keepalive_count = 0;     ///< TCP_KEEPCNT
    std::optional<Bytes> receive_buffer = std::nullopt;  ///< SO_RCVBUF
    std::optional<Bytes> send_buffer = std::nullopt;     ///< SO_SNDBUF
    mode_t unix_mode = 0666;                             ///< of a Unix socket's file
};

/// A listening (or, for datagrams, bound) non-blocking socket. TCP sockets carry TCP_NODELAY, which
/// accepted sockets inherit. The file of a Unix socket whose owner is gone is replaced.
/// Fails: Error::op is the call that failed, e.g. "bind()" with EADDRINUSE, also for a Unix socket
/// that is alive and for a file that is no socket.
[[nodiscard]] Result<sys::UniqueFd> open_listener(const Address& address,
                                                  const ListenerOptions& options);

/// Applies to a socket that listens already what a reload may change: the backlog.
[[nodiscard]] Result<> change_backlog(int listening, int backlog);

}  // namespace sluice::net
