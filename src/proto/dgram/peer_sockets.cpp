// SPDX-License-Identifier: BSD-2-Clause
// Sockets to peers, used again.
// Runs in: worker.
#include "proto/dgram/peer_sockets.h"

#include <array>
#include <utility>

#include "sys/epoll.h"
#include "sys/socket.h"

namespace sluice::dgram {

namespace {

bool disconnect(int fd) {
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    return sys::connect(fd, &none, sizeof none).has_value();
}

/// Throws away what is queued, and errors. False: there is no end to it.
bool empty(int fd) {
    constexpr int kMost = 256;
    std::array<char, 1> byte;  // the rest of each datagram is cut off
    for (int i = 0; i < kMost; ++i) {
        const Result<sys::Transfer> got = sys::recv(fd, byte, 0);
        if (got && got->is_blocked) {
            return true;
        }
    }
    return false;
}

}  // namespace

PeerSockets::~PeerSockets() {
    close_parked();
}

Result<PeerSocket*> PeerSockets::open(const net::Address& peer,
                                      const net::ConnectOptions& options,
                                      Client& client) {
    const bool is_plain = options.from == nullptr && !options.has_keepalive &&
                          !options.receive_buffer && !options.send_buffer && !peer.is_unix();
    if (is_plain) {
        if (PeerSocket* const old = take_parked(peer); old != nullptr) {
            old->client = &client;
            return old;
        }
    }
    net::Outgoing opened = TRY(net::open_outgoing(peer, options));
    PeerSocket& made = *slab_.make();
    made.socket = std::move(opened.fd);
    made.fd = made.socket.get();
    made.on_ready = on_ready_;
    made.client = &client;
    made.family = peer.family();
    made.is_plain = is_plain;
    return &made;
}

/// Null: none is fit. One that cannot be connected is closed; a new one then meets the same error.
PeerSocket* PeerSockets::take_parked(const net::Address& peer) {
    if (parked_.empty()) {
        return nullptr;
    }
    PeerSocket& oldest = parked_.front();
    if (loop_.now() - oldest.parked < kRest || oldest.family != peer.family()) {
        return nullptr;
    }
    oldest.unlink();
    --parked_count_;
    if (!empty(oldest.fd) || !sys::connect(oldest.fd, peer.raw(), peer.size())) {
        close(oldest);
        return nullptr;
    }
    return &oldest;
}

Result<> PeerSockets::watch(PeerSocket& socket) {
    if (!socket.is_watched) {
        TRY(loop_.watch(socket, EPOLLIN | EPOLLET));
        socket.is_watched = true;
    }
    return {};
}

void PeerSockets::give_back(PeerSocket& socket) {
    socket.client = nullptr;
    if (!socket.is_plain || socket.is_joining || parked_count_ == kMostParked ||
        !disconnect(socket.fd)) {
        return close(socket);
    }
    loop_.forget_before_close(socket);
    socket.parked = loop_.now();
    parked_.push_back(socket);
    ++parked_count_;
}

void PeerSockets::close(PeerSocket& socket) {
    loop_.forget_before_close(socket);
    slab_.destroy(&socket);
}

std::size_t PeerSockets::close_parked() {
    const std::size_t count = std::exchange(parked_count_, 0);
    while (PeerSocket* const socket = parked_.pop_front()) {
        close(*socket);
    }
    return count;
}

}  // namespace sluice::dgram
