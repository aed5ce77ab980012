// SPDX-License-Identifier: BSD-2-Clause
// Session: one HTTP/1 connection as a state machine. Idle it is this object alone; while something
// happens it borrows a Talk.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/list.h"
#include "base/units.h"
#include "conf/generation.h"
#include "net/connection.h"
#include "net/connection_rows.h"
#include "net/proxy_protocol.h"
#include "proto/http/body.h"
#include "proto/http/site.h"
#include "proto/http1/body_reader.h"
#include "proto/http1/head_scan.h"

namespace sluice::http1 {

class Http1;
class Talk;
struct Framing;
struct Rehearsal;

enum class State : std::uint8_t {
    Idle,        ///< nothing received since the last reply
    Head,        ///< part of a head is there
    Proxy,       ///< the PROXY protocol's header is not whole yet
    Deciding,    ///< a rule waits; the reply is not decided
    Collecting,  ///< a handler waits for the request's body, which is being read
    Body,        ///< the reply is decided; the request's body is read and dropped
    Replying,    ///< the reply's head is next
    Sending,     ///< head handed over, body being pulled
    Closing,     ///< what is queued leaves, then the connection closes
    Lingering,   ///< FIN sent; what the client still sends is dropped
};

/// What a state function wants next.
enum class Step : std::uint8_t {
    Again,  ///< run the state that is current now
    Wait,   ///< an event, a deadline or wake() goes on
    Gone,   ///< the session is destroyed
};

struct SessionLink : ListHook {};

class Session final : public net::Connection, public SessionLink {
  public:
    Session(Http1& protocol,
            event::Loop& loop,
            sys::UniqueFd socket,
            const net::Address& peer,
            ListenerId listener,
            std::uint64_t number);
    ~Session() = default;

    /// Adopts the worker's generation if it still serves this listener. False: no generation does.
    bool adopt();
    /// Goes on until nothing more can be done now. The session may be destroyed meanwhile.
    void run();
    /// The connection begins with the PROXY protocol's header. Before the first run().
    void expect_proxy_header() { state_ = State::Proxy; }
    /// What it told; null: nothing.
    [[nodiscard]] const net::ProxyHeader* proxied() const { return proxied_.get(); }
    /// Where the connection came in; after adopt().
    [[nodiscard]] const http::Port& port() const { return *port_; }
    /// Ends an exchange that runs, gives back the talk. The socket is closed by the destructor.
    void abandon();

    /// Idle for so long that its place may be given to another (keepalive_min_timeout).
    [[nodiscard]] bool may_be_shed() const;

    [[nodiscard]] std::uint64_t number() const { return number_; }

    [[nodiscard]] std::uint32_t requests() const { return requests_; }

    /// Null: a connection of a real client.
    [[nodiscard]] const Rehearsal* rehearsal() const;

    [[nodiscard]] State state() const { return state_; }

    /// Moves this connection to the gauge that its state belongs to. Done at the end of a run, so
    /// that a request that is served in one costs nothing here.
    void publish_state();

    [[nodiscard]] net::ConnectionRow counted_as() const { return counted_as_; }

    /// Since the connection was accepted.
    [[nodiscard]] Millis age() { return loop().now() - started_; }

  private:
    static void on_event_of(net::Connection& connection);
    static void on_deadline_of(net::Connection& connection);

    [[nodiscard]] bool is_left_in_pause() const;
    // Those that are inline have all their callers in the source file that defines them, and run for
    // every request.
    inline Step step();
    inline Step step_idle();
    inline Step step_head();
    Step step_proxy();
    Step step_deciding();
    Step step_collecting();
    Step step_body();
    Step step_replying();
    Step step_sending();
    Step step_closing();
    Step step_lingering();

    void go(State next);
    [[nodiscard]] net::ConnectionRow busy_row() const;
    Step receive_head(std::size_t limit);
    void start_exchange();
    inline Step begin_exchange(const HeadLimits& limits);
    Step refuse(HeadFault fault);
    Step answer(int status);
    Step leave_phases(bool is_decided);
    [[nodiscard]] bool awaits_continue() const;
    Step take_body(std::string_view bytes);
    Step judge_body(const BodyReader::Step& step);
    Step end_body(int status);
    void use_input(std::size_t count);
    Step receive_body();
    Step keep_received(std::string_view bytes);
    Step take_received(std::string_view bytes);
    Step lose_body();
    void time_out_body();
    [[nodiscard]] Millis body_deadline() const;
    Step send_continue();
    [[nodiscard]] inline Framing decide_framing();
    [[nodiscard]] inline bool may_keep_alive(const http::CoreConf& core) const;
    [[nodiscard]] inline bool write_head(const Framing& framing, std::size_t bound);
    [[nodiscard]] std::size_t pull_size();
    [[nodiscard]] http::Pull pull_memory(net::Chain& out, std::size_t most);
    Step pull_body();
    [[nodiscard]] bool push_pulled(const net::Chain& pulled, bool is_last);
    [[nodiscard]] bool put_trailers();
    void close_books();
    Step finish_exchange();
    Step flush();
    void save_unsent();
    [[nodiscard]] bool holds_back() const;
    void put_frame(std::string_view bytes);
    void note_unfinished(int status);
    void settle();
    inline void rest();
    void hold_end_for_log();
    [[nodiscard]] bool waits_for_log();
    inline void set_deadlines();
    Step destroy();
    [[nodiscard]] inline HeadLimits head_limits() const;
    [[nodiscard]] const http::CoreConf& port_core() const;

    Http1& protocol_;
    Talk* talk_ = nullptr;
    conf::GenerationRef generation_;
    const http::Port* port_ = nullptr;
    std::unique_ptr<net::ProxyHeader> proxied_;
    std::uint64_t number_;
    Millis started_;
    Millis moment_{};  ///< Idle: since when; Lingering: when it ends
    std::uint32_t requests_ = 0;
    std::uint32_t timeout_ms_ = 0;  ///< keep-alive or lingering, as of the last exchange's location
    State state_ = State::Idle;
    net::ConnectionRow counted_as_ = net::ConnectionRow::Waiting;
    bool is_delayed_ = false;  ///< TCP_NODELAY was taken off
};

// HOUSE §6: the goal for an idle connection.
static_assert(sizeof(Session) <= 256);

}  // namespace sluice::http1
