// SPDX-License-Identifier: BSD-2-Clause
// stream::Wire: what carries a session, a TCP connection (proto/tcp) or a client's datagrams
// (proto/dgram), as the session's rules and handlers see it.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "net/address.h"
#include "net/connector.h"
#include "net/proxy_protocol.h"
#include "sys/socket.h"

namespace sluice::stream {

class Conversation;
class Session;

/// How a relay ended.
enum class RelayEnd : std::uint8_t {
    ClientEnded,   ///< the client's end came (first), and nothing was left to pass on
    PeerEnded,     ///< the same of the peer's
    ClientFailed,  ///< the client's connection broke
    PeerFailed,    ///< the peer's connection broke
    TimedOut,      ///< nothing moved for RelayPlan::idle
    Done,          ///< datagrams: all that was expected has passed
    Silent,        ///< datagrams: the peer did not answer in time
};

/// What became of handing a client to another listener.
enum class Passing : std::uint8_t {
    Done,
    NoListener,  ///< there is none of that address, or the wire cannot
    HasInput,    ///< the client's first bytes were read
    TooOften,    ///< listeners hand it round in a circle
};

/// Datagrams of one session.
struct PacketCounts {
    std::uint64_t from_client = 0;
    std::uint64_t to_client = 0;
};

/// What a handler asks of a relay between the client and a peer.
struct RelayPlan {
    Millis idle{600'000};              ///< proxy_timeout: the longest pause of both directions
    std::size_t buffer_size = 16384;   ///< bytes held for each direction, at most
    std::uint64_t upload_rate = 0;     ///< bytes a second from the client; 0: no limit
    std::uint64_t download_rate = 0;   ///< bytes a second to the client; 0: no limit
    bool keeps_half_open = false;      ///< one side's end is passed on; the other may go on
    std::string_view head;             ///< sent to the peer first (a PROXY header)
    std::optional<std::uint64_t> requests;   ///< datagrams: of the client, per session
    std::optional<std::uint64_t> responses;  ///< datagrams: answers expected for each of them
    /// Called once when the relay is over, never from inside relay(): reports on the peer, writes
    /// the log line and gives the session's status. The wire then ends the session. With datagrams
    /// `error` is the last that was told of the peer, where it has not answered since.
    std::uint16_t (*on_end)(void* owner, Session& session, RelayEnd end, const Error& error) = nullptr;
    /// Datagrams: the peer has not answered, and the kernel tells that nobody is there. True: the
    /// handler has called connect() once more and will call relay() again; the first datagram goes to
    /// the next peer. False: the relay goes on, as the peer may come yet.
    bool (*on_refused)(void* owner, Session& session) = nullptr;
    void* owner = nullptr;  ///< lives as long as the session
};

/// Who is told of a connection attempt.
struct ConnectPlan {
    void (*on_done)(void* owner, Session& session, const net::ConnectOutcome& outcome) = nullptr;
    void* owner = nullptr;  ///< lives as long as the session
};

/// Implemented by each wire's client. Lives: as long as the session.
class Wire {
  public:
    [[nodiscard]] virtual const net::Address& peer() const = 0;
    [[nodiscard]] virtual const net::Address& local() const = 0;
    /// Number of this connection in this worker ($connection).
    [[nodiscard]] virtual std::uint64_t connection_number() const = 0;
    /// How long the session has existed.
    [[nodiscard]] virtual Millis age() const = 0;
    /// Datagrams instead of a byte stream.
    [[nodiscard]] virtual bool is_datagram() const = 0;

    /// What has passed; of byte streams nothing.
    [[nodiscard]] virtual PacketCounts packets() const { return {}; }

    /// Nothing where TCP carries nothing.
    [[nodiscard]] virtual std::optional<sys::TcpFacts> tcp() const { return std::nullopt; }

    /// What a proxy told of the connection (listen … proxy_protocol); null: nothing.
    [[nodiscard]] virtual const net::ProxyHeader* proxied() const { return nullptr; }

    /// What the client has sent and nobody has taken. Lives: until the next call of the wire.
    [[nodiscard]] virtual std::string_view preread() const = 0;

    // ---- for handlers that ask a peer ----

    /// Connects to a peer, after the one before was given up; the wire keeps the connection.
    /// `on_done` is called once, never from inside, unless the session ends first.
    virtual void connect(const net::Address& peer,
                         const net::ConnectOptions& options,
                         const ConnectPlan& plan) = 0;

    // ---- for handlers: each of these takes the session over; the handler answers Taken ----

    /// Sends `text`, which lives as long as the session, and ends the session with 200.
    virtual void reply(std::string_view text) = 0;
    /// Sends back whatever comes until the client ends; `idle` is the longest pause.
    virtual void echo(Millis idle) = 0;
    /// Lets `conversation` answer the client until it is over or pauses longer than `idle`. False: the
    /// wire cannot, the session is the handler's still.
    virtual bool converse(Conversation& /*conversation*/, Millis /*idle*/) { return false; }
    /// Carries bytes between the client, what was preread first, and the peer that connect()
    /// reached.
    virtual void relay(const RelayPlan& plan) = 0;
    /// Hands the client to another listener of this worker, as if it had come there. Not Done: the
    /// session is the handler's still.
    virtual Passing pass(std::string_view listener_key) = 0;

    // ---- for rules that wait ----

    /// Goes on with the phases behind the rule that answered Waiting. Only posts.
    virtual void resume() = 0;
    /// Ends the session with `status`. Only posts.
    virtual void end(std::uint16_t status) = 0;

  protected:
    ~Wire() = default;
};

}  // namespace sluice::stream
