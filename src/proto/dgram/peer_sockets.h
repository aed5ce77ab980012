// SPDX-License-Identifier: BSD-2-Clause
// PeerSockets: connected sockets to peers. One that a session has done with is disconnected, which
// takes its port away, and waits, watched already, to be connected anew: for sessions of one
// datagram, making and closing sockets would cost more than the datagrams.
// Runs in: worker.
#pragma once

#include <cstddef>

#include "base/error.h"
#include "base/list.h"
#include "base/slab.h"
#include "base/units.h"
#include "event/loop.h"
#include "event/pollable.h"
#include "net/address.h"
#include "net/connector.h"
#include "sys/unique_fd.h"

namespace sluice::dgram {

class Client;

/// Owner: PeerSockets.
struct PeerSocket : event::Pollable, ListHook {
    sys::UniqueFd socket;
    Client* client = nullptr;  ///< who hears of it; null while it waits
    Millis parked{0};          ///< when it began to wait
    sa_family_t family = AF_UNSPEC;
    bool is_plain = false;    ///< nothing but its peer was ever set: fit for anybody
    bool is_watched = false;  ///< in the epoll set, edge-triggered
    bool is_joining = false;  ///< the kernel may pass on several datagrams as one
};

class PeerSockets {
  public:
    /// `on_ready` is called with a PeerSocket that has a client.
    PeerSockets(event::Loop& loop, event::Pollable::OnReady on_ready)
        : loop_(loop), on_ready_(on_ready) {}

    ~PeerSockets();
    PeerSockets(const PeerSockets&) = delete;
    PeerSockets& operator=(const PeerSockets&) = delete;

    /// A socket that is connected to `peer`, for `client`. Fails: as net::open_outgoing().
    [[nodiscard]] Result<PeerSocket*> open(const net::Address& peer,
                                           const net::ConnectOptions& options,
                                           Client& client);
    /// Has it call on_ready; does nothing where it does.
    [[nodiscard]] Result<> watch(PeerSocket& socket);
    /// Its session is over. What still comes for it reaches nobody.
    void give_back(PeerSocket& socket);
    /// Closes those that wait; gives how many.
    std::size_t close_parked();

    /// That are connected.
    [[nodiscard]] std::size_t in_use() const { return slab_.live() - parked_count_; }

    [[nodiscard]] std::size_t parked() const { return parked_count_; }

  private:
    /// A waiting socket costs a descriptor and a few hundred bytes of the kernel's.
    static constexpr std::size_t kMostParked = 128;
    /// A processor may be about to queue a datagram on a socket that has just lost its port. By
    /// then it has, and what is queued is thrown away before the socket is used.
    static constexpr Millis kRest{3};

    [[nodiscard]] PeerSocket* take_parked(const net::Address& peer);
    void close(PeerSocket& socket);

    event::Loop& loop_;
    event::Pollable::OnReady on_ready_;
    Slab<PeerSocket> slab_;
    IntrusiveList<PeerSocket> parked_;  ///< the longest waiting first
    std::size_t parked_count_ = 0;
};

}  // namespace sluice::dgram
