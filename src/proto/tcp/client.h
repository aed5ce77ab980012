// SPDX-License-Identifier: BSD-2-Clause
// Client: one TCP (or Unix) connection of `stream`, from accept to close: the PROXY header, the
// bytes that rules look at, the phases, and then what a handler chose: a reply, an echo, a relay.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/list.h"
#include "base/units.h"
#include "event/loop.h"
#include "net/connector.h"
#include "net/owned_connection.h"
#include "net/proxy_protocol.h"
#include "proto/stream/session.h"
#include "proto/stream/site.h"
#include "proto/stream/wire.h"
#include "proto/tcp/relay.h"
#include "sys/unique_fd.h"

namespace sluice::tcp {

class Tcp;

enum class State : std::uint8_t {
    Proxy,       ///< the PROXY header is awaited
    Prereading,  ///< a rule wants more bytes
    Deciding,    ///< the phases run, or a rule or handler waits
    Replying,    ///< a handler's text goes out, then the connection ends
    Echoing,     ///< what comes goes back
    Conversing,  ///< a handler answers what comes
    Relaying,    ///< the relay has both connections
    Lingering,   ///< the session is over; what the client still sends is thrown away
};

/// Owner: Tcp. Destroyed by itself through Tcp::destroy(), never inside a call of a handler.
class Client final : public stream::Wire, public ListHook {
  public:
    Client(Tcp& protocol,
           sys::UniqueFd socket,
           const net::Address& peer,
           ListenerId listener,
           std::uint64_t number);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Begins. It may be destroyed when this returns.
    void begin(const stream::Port& port);
    /// The worker ends: the session is over, whatever it was doing.
    void abandon();
    /// A retiring worker does not wait for those who only linger.
    [[nodiscard]] bool is_lingering() const { return state_ == State::Lingering; }

    // stream::Wire
    [[nodiscard]] const net::Address& peer() const override { return peer_address_; }

    [[nodiscard]] const net::Address& local() const override;

    [[nodiscard]] std::uint64_t connection_number() const override { return number_; }

    [[nodiscard]] Millis age() const override;

    [[nodiscard]] bool is_datagram() const override { return false; }

    [[nodiscard]] std::optional<sys::TcpFacts> tcp() const override;

    [[nodiscard]] const net::ProxyHeader* proxied() const override { return proxied_.get(); }

    [[nodiscard]] std::string_view preread() const override;
    void connect(const net::Address& peer,
                 const net::ConnectOptions& options,
                 const stream::ConnectPlan& plan) override;
    void reply(std::string_view text) override;
    void echo(Millis idle) override;
    bool converse(stream::Conversation& conversation, Millis idle) override;
    void relay(const stream::RelayPlan& plan) override;
    stream::Passing pass(std::string_view listener_key) override;
    void resume() override;
    void end(std::uint16_t status) override;

  private:
    /// What a turn of a state led to.
    enum class Step : std::uint8_t { Again, Wait, Gone };

    struct Posted : event::Posted {
        Client* client = nullptr;
    };

    void go(State state);
    void handle_event();
    void run();
    [[nodiscard]] Step turn();
    [[nodiscard]] Step read_proxy_header();
    [[nodiscard]] Step read_more();
    [[nodiscard]] Step decide();
    [[nodiscard]] Step follow(stream::Verdict verdict);
    [[nodiscard]] Step send_reply();
    [[nodiscard]] Step send_echo();
    [[nodiscard]] Step converse_on();
    [[nodiscard]] Step put_answer_off();
    [[nodiscard]] Step say();
    [[nodiscard]] Step say_small(std::string_view text);
    [[nodiscard]] Step hear();
    [[nodiscard]] Step close_gently();
    [[nodiscard]] Step linger();
    [[nodiscard]] Step conclude(std::uint16_t status);
    void finish_session(std::uint16_t status);
    [[nodiscard]] Step wait_for(Millis limit);
    [[nodiscard]] Step watch();
    [[nodiscard]] bool make_buffer(std::size_t size);
    void time_out();
    void wake();
    void start_relay();
    void relay_ended(const RelayOutcome& outcome);
    void count_relay();

    Tcp& protocol_;
    net::OwnedConnection client_;
    net::Address peer_address_;
    mutable net::Address local_;  ///< asked of the kernel when first wanted
    std::uint64_t number_;
    Millis started_;
    State state_ = State::Deciding;
    bool is_passed_ = false;            ///< the socket has gone to another listener
    bool has_peer_ = false;             ///< counted with the protocol
    std::uint32_t seen_in_ = 0;         ///< Gathering's
    bool is_running_ = false;           ///< inside run()
    bool is_waiting_ = false;           ///< for a rule or handler; events change nothing
    std::uint16_t end_status_ = 0;      ///< a handler's end(), to be done in run()
    bool has_heard_ = false;            ///< converse(): bytes that came in this turn
    bool is_resumed_ = false;           ///< a rule's resume(), to be done in run()
    Arena arena_;
    stream::Session session_;
    std::unique_ptr<net::ProxyHeader> proxied_;

    // Input that was read but not taken: [begin_, end_) of buffer_, which lies in the arena, or in
    // memory of its own where the operator wants more than that holds.
    std::span<char> buffer_;
    std::unique_ptr<char[]> large_buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::string_view text_;  ///< of reply(), what is left
    std::size_t turn_bytes_ = 0;  ///< moved since others had their turn
    Millis idle_{0};         ///< of echo() and converse()
    stream::Conversation* conversation_ = nullptr;

    std::optional<net::OwnedConnection> peer_;
    net::Connector connector_;
    stream::ConnectPlan connect_plan_;
    std::optional<Relay> relay_;
    stream::RelayPlan relay_plan_;
    Posted posted_;
};

}  // namespace sluice::tcp
