// SPDX-License-Identifier: BSD-2-Clause
// Client: one session of a client's datagrams, from the first to what the handler chose: a reply,
// an echo, a relay to a peer. The object is used again for other sessions.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/arena.h"
#include "base/list.h"
#include "base/units.h"
#include "event/loop.h"
#include "event/timer.h"
#include "net/connector.h"
#include "net/datagram.h"
#include "proto/dgram/listener.h"
#include "proto/dgram/peer_sockets.h"
#include "proto/stream/session.h"
#include "proto/stream/wire.h"

namespace sluice::dgram {

class Dgram;

enum class State : std::uint8_t {
    Over,      ///< no session; the object waits for one
    Deciding,  ///< the phases run, or a rule or handler waits
    Replying,  ///< the handler's text is to go out, then the session ends
    Echoing,   ///< what comes goes back
    Relaying,  ///< what comes goes to the peer, its answers to the client
};

struct ClientHook : ListHook {};

/// Sessions of whose clients one datagram has come are in a list of their own.
struct YoungHook : ListHook {};

/// Owner: Dgram. Ends by Dgram::destroy(), never inside a call of a handler.
class Client final : public stream::Wire, public ClientHook, public YoungHook {
  public:
    explicit Client(Dgram& protocol);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// A new session with its first datagram. It may be over when this returns.
    void begin(Listener& listener, const net::Datagram& first, std::uint64_t hash);
    /// The peer's socket has something to say. The session may be over afterwards.
    void peer_is_ready();
    /// Another datagram of the client, or several of one size. The session may be over afterwards.
    void take(const net::Datagram& datagram);
    /// What flush_peer() found. The session may be over afterwards.
    void peer_flushed(const net::DatagramOutcome& outcome);
    /// The worker ends, or needs the place: the session is over, whatever it was doing.
    void abandon(std::uint16_t status);
    /// Makes way: says so, ends.
    void evict();
    /// The worker retires: nothing more of the client will come here.
    void retire();
    /// Forgets the session's memory; for Dgram::destroy().
    void clear();

    [[nodiscard]] bool is_of(const Listener& listener, const net::Datagram& datagram) const;
    /// Whether a run of datagrams may be taken at once: none of them ends the session.
    [[nodiscard]] bool takes_runs() const;

    [[nodiscard]] Listener& listener() const { return *life_.listener; }

    [[nodiscard]] std::uint64_t hash() const { return life_.hash; }

    /// Whether the client's next datagram comes here.
    [[nodiscard]] bool is_attached() const { return life_.is_attached; }

    void set_attached(bool is_attached) { life_.is_attached = is_attached; }

    [[nodiscard]] int peer_fd() const { return peer_ == nullptr ? -1 : peer_->fd; }

    /// Where datagrams to the client go.
    [[nodiscard]] net::DatagramTarget target() const;

    // stream::Wire
    [[nodiscard]] const net::Address& peer() const override { return address_; }

    [[nodiscard]] const net::Address& local() const override;

    [[nodiscard]] std::uint64_t connection_number() const override { return life_.number; }

    [[nodiscard]] Millis age() const override;

    [[nodiscard]] bool is_datagram() const override { return true; }

    [[nodiscard]] stream::PacketCounts packets() const override;

    [[nodiscard]] std::string_view preread() const override { return life_.input; }

    void connect(const net::Address& peer,
                 const net::ConnectOptions& options,
                 const stream::ConnectPlan& plan) override;
    void reply(std::string_view text) override;
    void echo(Millis idle) override;
    void relay(const stream::RelayPlan& plan) override;

    stream::Passing pass(std::string_view /*listener_key*/) override {
        return stream::Passing::NoListener;
    }

    void resume() override;
    void end(std::uint16_t status) override;

  private:
    /// What a turn of a state led to.
    enum class Step : std::uint8_t { Again, Wait, Gone };

    struct Posted : event::Posted {
        Client* client = nullptr;
    };

    struct Deadline : event::Timer {
        Client* client = nullptr;
    };

    /// What belongs to one session.
    struct Life {
        Listener* listener = nullptr;
        std::uint64_t hash = 0;
        std::uint64_t number = 0;
        Millis started{0};
        sys::DatagramNotes
            notes;  ///< the address of ours that the client asked, where that is told
        State state = State::Over;
        bool is_attached = false;      ///< in the table
        bool is_waiting = false;       ///< for a rule or handler
        bool is_resumed = false;       ///< a rule's resume(), to be done in run()
        bool has_outcome = false;      ///< connect() is decided; its handler is to be told in run()
        bool has_plan = false;         ///< relay() was called; to be begun in run()
        std::uint16_t end_status = 0;  ///< a handler's end(), to be done in run()
        /// The first datagram: in the protocol's input, or kept.
        std::string_view input;
        bool is_input_kept = false;
        std::string_view text;  ///< of reply()
        Millis idle{0};
        std::uint64_t requests = 0;   ///< datagrams of the client
        std::uint64_t responses = 0;  ///< datagrams to it
        Millis upload_from{0};        ///< with a rate: when the next datagrams may come
        Millis download_from{0};
        bool is_download_paused = false;
        Error peer_error;  ///< told of the peer, which has not answered since; code 0: none
        net::ConnectOutcome outcome;
        stream::ConnectPlan connect_plan;
        stream::RelayPlan relay_plan;
    };

    void go(State state);
    void run();
    [[nodiscard]] Step turn();
    [[nodiscard]] Step decide();
    [[nodiscard]] Step follow(stream::Verdict verdict);
    [[nodiscard]] Step send_reply();
    [[nodiscard]] Step conclude(std::uint16_t status);
    void keep_input();
    void wake();
    void send_back(const net::Datagram& datagram);
    void arm();
    void on_deadline();

    // client_relay.cpp
    void read_peer();
    [[nodiscard]] Step start_relay();
    void send_first();
    void pass_up(const net::Datagram& datagram);
    [[nodiscard]] bool may_upload(std::size_t size);
    [[nodiscard]] bool pass_down(std::size_t count);
    [[nodiscard]] bool may_download();
    void note_download(std::size_t size);
    void note_unsent(const net::DatagramOutcome& outcome);
    void peer_failed(const Error& error);
    [[nodiscard]] bool has_all_answers() const;
    [[nodiscard]] bool end_if_done();
    void end_relay(stream::RelayEnd end);
    void close_peer();

    Dgram& protocol_;
    net::Address address_;
    mutable net::Address local_;  ///< made when first asked for
    Life life_;
    bool is_running_ = false;    ///< inside run()
    std::uint32_t seen_in_ = 0;  ///< Gathering's
    Arena arena_;
    stream::Session session_;
    std::unique_ptr<char[]> large_input_;  ///< a first datagram that is too large for the arena
    PeerSocket* peer_ = nullptr;           ///< the protocol's
    Posted posted_;
    Posted again_;  ///< read_peer() stopped before the socket was empty
    Deadline deadline_;
};

}  // namespace sluice::dgram
