// SPDX-License-Identifier: BSD-2-Clause
// Channel: messages and descriptors over one SOCK_SEQPACKET socket. A full socket loses nothing:
// the message waits here with duplicates of its descriptors until the socket is writable again.
// Runs in: master, worker, logger.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "ipc/message.h"
#include "sys/unique_fd.h"

namespace sluice::ipc {

/// One message as it arrived.
struct Received {
    Message message;
    std::vector<sys::UniqueFd> fds;
};

/// What one receive() found: a message; or nothing waiting (both members empty); or the other
/// process has gone.
struct Reception {
    std::optional<Received> received;
    bool is_end = false;
};

/// Two connected ends; the child's is to be given to the new process.
struct ChannelEnds {
    sys::UniqueFd master;
    sys::UniqueFd child;
};

[[nodiscard]] Result<ChannelEnds> open_channel();

class Channel {
  public:
    /// Messages that may wait; past it send() fails with ENOBUFS.
    static constexpr std::size_t kMaxPending = 1024;

    /// `peer` is who writes to us; a message of another kind of sender is refused.
    Channel(sys::UniqueFd socket, Sender peer) : socket_(std::move(socket)), peer_(peer) {}

    /// Sends, or keeps the message where the socket is full. The descriptors stay the caller's.
    /// Fails: EPIPE/ECONNRESET the peer is gone; ENOBUFS too much waits; EMFILE no duplicate.
    [[nodiscard]] Result<> send(const Message& message, std::span<const int> fds = {});

    /// Sends what waits; call when the socket is writable.
    [[nodiscard]] Result<> flush();

    /// Whether something waits: watch for EPOLLOUT.
    [[nodiscard]] bool has_pending() const { return !pending_.empty(); }

    /// The next message. Call until `received` is empty where the socket is watched edge-triggered.
    /// Fails: EPROTO on a malformed message (its descriptors are closed); drop the peer then.
    [[nodiscard]] Result<Reception> receive();

    /// The socket, for epoll. -1 after close().
    [[nodiscard]] int fd() const { return socket_.get(); }

    void close();

  private:
    struct Pending {
        std::string bytes;
        std::vector<sys::UniqueFd> fds;
    };

    [[nodiscard]] Result<> keep(std::string bytes, std::span<const int> fds);

    sys::UniqueFd socket_;
    Sender peer_;
    std::deque<Pending> pending_;
};

}  // namespace sluice::ipc
