// SPDX-License-Identifier: BSD-2-Clause
// Tcp: the protocol object of `stream` over TCP and Unix sockets in one worker: its clients, and the
// pages and pipes that their relays borrow.
// Runs in: worker.
#pragma once

#include <cstddef>

#include "base/list.h"
#include "base/slab.h"
#include "event/gathering.h"
#include "net/protocol.h"
#include "proto/stream/meter.h"
#include "proto/tcp/client.h"
#include "proto/tcp/relay.h"

namespace sluice::tcp {

/// One line of the registry's list of wires.
[[nodiscard]] net::ProtocolKind protocol_kind();

class Tcp final : public net::Protocol {
  public:
    explicit Tcp(net::WorkerContext& worker);
    ~Tcp() override;
    Tcp(const Tcp&) = delete;
    Tcp& operator=(const Tcp&) = delete;

    void accept(net::Accepted connection) override;

    void generation_changed() override {}  // sessions keep theirs; new ones take the new one

    void retire() override;
    void stop() override;

    /// Of clients and to peers, as worker_connections counts them.
    [[nodiscard]] std::size_t connections() const override { return clients_.live() + peers_; }

    /// No session is idle in the sense that it would not mind: none is shed.
    std::size_t shed_idle(std::size_t) override { return 0; }

    // For clients.
    [[nodiscard]] net::WorkerContext& worker() { return worker_; }

    [[nodiscard]] stream::Meter& meter() { return meter_; }

    [[nodiscard]] RelayPools& pools() { return pools_; }

    /// Memory for input that is dropped at once.
    [[nodiscard]] std::span<char> scratch() { return {pools_.scratch.get(), kScratchSize}; }

    void note_peer() { ++peers_; }

    void note_peer_gone() { --peers_; }

    /// How long the worker may rest so that more clients' requests come together.
    [[nodiscard]] event::Gathering& gathering() { return gathering_; }

    void destroy(Client& client);

    /// Whether a client may go to another listener: one that takes it may hand it on in turn, from
    /// inside of hand_over().
    [[nodiscard]] bool may_pass() const { return passes_ < kMostPasses; }

    /// Gives a client to whoever serves its listener. False: nobody does.
    bool hand_over(net::Accepted& handed);

  private:
    static constexpr unsigned kMostPasses = 10;

    net::WorkerContext& worker_;
    stream::Meter meter_;
    RelayPools pools_;
    Slab<Client> clients_;
    event::Gathering gathering_{event::Gathering::Gain::FewerTurns};
    std::size_t peers_ = 0;  ///< clients that asked one
    unsigned passes_ = 0;    ///< hand_over() inside of hand_over()
    IntrusiveList<Client> all_;
};

}  // namespace sluice::tcp
