// SPDX-License-Identifier: BSD-2-Clause
// Dgram: the protocol object of `stream` over datagrams in one worker: its listeners, the table of
// sessions, and the memory that all of them read into.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/list.h"
#include "base/slab.h"
#include "event/gathering.h"
#include "event/loop.h"
#include "log/rate_limit.h"
#include "metrics/station.h"
#include "net/datagram.h"
#include "net/protocol.h"
#include "proto/dgram/client.h"
#include "proto/dgram/datagram_rows.h"
#include "proto/dgram/flow_table.h"
#include "proto/dgram/listener.h"
#include "proto/dgram/peer_sockets.h"
#include "proto/stream/meter.h"
#include "shm/siphash.h"

namespace sluice::dgram {

/// One line of the registry's list of wires.
[[nodiscard]] net::ProtocolKind protocol_kind();

class Dgram final : public net::Protocol {
  public:
    explicit Dgram(net::WorkerContext& worker);
    ~Dgram() override;
    Dgram(const Dgram&) = delete;
    Dgram& operator=(const Dgram&) = delete;

    /// Nobody connects to a datagram socket.
    void accept(net::Accepted /*connection*/) override {}

    [[nodiscard]] std::unique_ptr<net::Intake> listen(ListenerId listener,
                                                      sys::UniqueFd& socket) override;
    void generation_changed() override;
    void retire() override;
    void stop() override;

    /// Sessions and their sockets to peers, as worker_connections counts them.
    [[nodiscard]] std::size_t connections() const override { return live_ + peers_.in_use(); }

    /// The oldest sessions of whose clients only one datagram has come.
    std::size_t shed_idle(std::size_t count) override;

    // For listeners.
    /// Takes what waits, at most about `limit` datagrams.
    void take_from(Listener& listener, std::size_t limit);
    /// Takes no more; the sessions answer on.
    void leave(Listener& listener);

    // For clients.
    [[nodiscard]] net::WorkerContext& worker() { return worker_; }

    [[nodiscard]] stream::Meter& meter() { return meter_; }

    [[nodiscard]] net::DatagramInput& input() { return input_; }

    /// Sends to a client through its listener, at the end of this turn at the latest. The bytes lie
    /// in input(), where the caller holds them.
    void send_to_client(Client& client, std::string_view bytes, std::size_t segment);
    /// The same for bytes that need not live.
    void send_text(Client& client, std::string_view text);
    /// Sends to the client's peer, before anything else is sent to another one.
    void send_to_peer(Client& client, std::string_view bytes, std::size_t segment);
    /// Sends what waits for a peer, and tells its client what became of it, which may be its end.
    void flush_peer();
    /// Sends what waits for the client's peer, whose socket is about to close.
    void forget_peer(const Client& client);
    /// Makes room for reading: sends all that is queued, if it has to.
    void make_input_room(std::size_t count);

    /// `count` datagrams came to a session in one go; `seen_in` is the session's.
    void note_group(std::uint32_t& seen_in, std::size_t count) {
        last_group_ = worker_.loop.now();
        gathering_.note(seen_in, count, last_group_);
    }

    /// The event of a socket is done with. Once no groups come, what was judged of them says
    /// nothing of the datagrams that still do.
    void allow_rest() {
        const bool is_judged = worker_.loop.now() - last_group_ < kGroupsLast;
        worker_.loop.allow_rest(is_judged ? gathering_.rest() : Nanos(0));
    }

    [[nodiscard]] PeerSockets& peers() { return peers_; }

    /// Datagrams that nobody takes are counted.
    void count_dropped(std::size_t count) { rows_.add(DatagramRow::Dropped, count); }

    /// The client's next datagram begins another session.
    void detach(Client& client);
    /// The session is over. Not inside a handler.
    void destroy(Client& client);

  private:
    /// Objects that wait for the next session, their memory warm.
    static constexpr std::size_t kKept = 256;
    /// Several periods of Gathering, so that a busy neighbour does not end the rests.
    static constexpr Millis kGroupsLast{10};

    struct Flush : event::Posted {
        Dgram* protocol = nullptr;
    };

    void take(Listener& listener, const net::Datagram& datagram);
    void take_one(Listener& listener, const net::Datagram& datagram);
    void begin_session(Listener& listener, const net::Datagram& datagram, std::uint64_t hash);
    [[nodiscard]] std::uint64_t hash_of(const Listener& listener,
                                        const net::Datagram& datagram) const;
    [[nodiscard]] bool make_room();
    [[nodiscard]] Client& take_client();
    void mark_dirty(Listener& listener);
    void flush_listener(Listener& listener);
    void flush_all();
    void release_if_unused(Listener& listener);

    net::WorkerContext& worker_;
    stream::Meter meter_;
    metrics::Counters<DatagramRow> rows_;
    shm::HashKey hash_key_{};
    PeerSockets peers_;
    net::DatagramInput input_;
    net::DatagramOutput peer_output_;
    Client* peer_client_ = nullptr;  ///< whose peer peer_output_ is for
    Flush flush_;
    event::Gathering gathering_{event::Gathering::Gain::LargerGroups};
    Millis last_group_{0};
    std::optional<FlowTable<Client>> table_;
    log::RateLimit full_warnings_{Millis(60'000)};
    std::size_t live_ = 0;
    std::size_t kept_ = 0;
    Slab<Listener, 4> listener_slab_;
    IntrusiveList<Listener, ListenerHook> listeners_;
    IntrusiveList<Listener, DirtyHook> dirty_;
    Slab<Client> slab_;
    IntrusiveList<Client, ClientHook> all_;
    IntrusiveList<Client, ClientHook> free_;
    /// Oldest first: sessions of whose clients only one datagram has come. They make room first.
    IntrusiveList<Client, YoungHook> young_;
};

}  // namespace sluice::dgram
