// SPDX-License-Identifier: BSD-2-Clause
// Exchange: one request and its reply, from the last byte of the head to the log line. It knows no
// connection: a small Wire stands for whatever carries it.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/units.h"
#include "conf/generation.h"
#include "net/address.h"
#include "net/proxy_protocol.h"
#include "proto/http/module.h"
#include "proto/http/reply.h"
#include "proto/http/request.h"
#include "proto/http/request_body.h"
#include "script/template.h"
#include "sys/socket.h"

namespace sluice::http {

struct Server;
struct Location;
struct Port;
class Exchange;
class Meter;
class Trace;

/// What an exchange may ask of what carries it. Implemented by each wire's session.
class Wire {
  public:
    /// The reply's head is decided after a wait: send it. Never called inside run_phases().
    virtual void reply_ready(Exchange& exchange) = 0;
    /// A body that answered Later has something again. Only posts.
    virtual void wake(Exchange& exchange) = 0;

    /// The reply cannot be completed, and nobody may take what was sent for the whole: ends the
    /// connection by a reset. Only posts.
    virtual void cut(Exchange&) {}

    /// The request's body is wanted: read it into exchange.body, then call exchange.body_ended().
    /// Only notes or posts. A wire without request bodies never gets the call.
    virtual void want_body(Exchange&) {}

    [[nodiscard]] virtual const net::Address& peer() const = 0;
    [[nodiscard]] virtual const net::Address& local() const = 0;
    /// Number of this connection in this worker ($connection) and of the request on it.
    [[nodiscard]] virtual std::uint64_t connection_number() const = 0;
    [[nodiscard]] virtual std::uint32_t request_number() const = 0;
    /// How long the connection has existed.
    [[nodiscard]] virtual Millis age() const { return {}; }
    /// Nothing where TCP carries nothing.
    [[nodiscard]] virtual std::optional<sys::TcpFacts> tcp() const { return std::nullopt; }

    /// What a proxy told of the connection (listen … proxy_protocol); null: nothing.
    [[nodiscard]] virtual const net::ProxyHeader* proxied() const { return nullptr; }

    /// Brings the gauges of connections up to date; a wire may count moves at the end of a turn
    /// only. For whoever shows them.
    virtual void publish_state() {}

  protected:
    ~Wire() = default;
};

struct Timings {
    bool is_complete = false;  ///< the reply went out whole
    Nanos started{};  ///< monotonic, first byte of the head (loop's cached clock)
    UnixSeconds started_wall{};
    Nanos now{};                  ///< monotonic; the wire brings it up to date before end()
    Millis wall{};                ///< wall clock at `now`
    std::int64_t bytes_sent = 0;  ///< head and body, as handed to the kernel
    std::int64_t body_bytes_sent = 0;
    std::int64_t request_length = 0;  ///< line, headers and body as received
};

/// Something that a rule keeps for one exchange and that must be given back with it: a pin, a place
/// in a queue. Lives in the exchange's arena.
struct Holding {
    Holding* next = nullptr;
    void (*release)(Holding& self) noexcept = nullptr;
};

/// Where an exchange stands in the phases; a Waiting rule leaves it behind itself.
struct PhaseCursor {
    Phase phase = Phase::ServerRewrite;
    bool is_located = false;  ///< the location for Rewrite and later phases is chosen
    std::uint16_t rule = 0;   ///< next rule of the phase
};

/// Owner: the wire's session; reused for the next request of the connection after reset().
class Exchange {
  public:
    explicit Exchange(Wire& the_wire, Arena& the_arena) : wire(the_wire), arena(the_arena) {}

    Wire& wire;
    Arena& arena;
    Request request;
    Reply reply;
    RequestBody body;  ///< what read_body() has got
    Timings timings;
    conf::GenerationRef generation;  ///< the configuration this exchange began on; kept to its end
    Meter* meter = nullptr;  ///< counts it at its end; null: nobody does
    const Port* port = nullptr;
    const Server* server = nullptr;
    const Location* location = nullptr;
    script::Captures captures;
    /// Variables of the configuration's own, by slot; made when the first is set. No address: unset.
    std::span<std::string_view> variables;
    std::int64_t limit_rate = -1;    ///< bytes a second by `set $limit_rate`; below 0: not set
    std::uint8_t redirects = 0;      ///< internal redirects so far; at most 10, then 500
    bool is_uri_rewritten = false;   ///< `rewrite … break`: the uri is not the location's any more
    bool is_error_page = false;      ///< error_page is being served: no second one unless recursive
    std::uint16_t error_status = 0;  ///< status kept while an error page is served
    PhaseCursor cursor;
    RuleFn body_then = nullptr;  ///< who waits for the body
    const void* body_settings = nullptr;
    mutable std::string_view request_id;  ///< $request_id, made when first asked for
    Holding* holdings = nullptr;          ///< given back by end(), the latest first
    BoundRule waiting_rule;               ///< the one that answered Waiting
    /// Adds `reply.trailers` when the body has ended; a wire that can frame them asks. Null: none.
    BoundRule trailers;
    const net::Address* client = nullptr;  ///< set_real_ip_from: who the peer speaks for
    bool is_delayed = false;  ///< a rule holds it back on purpose: who leaves now is not waited for
    std::uint16_t access_status = 0;       ///< what an access rule refuses with, not yet answered
    Trace* trace = nullptr;  ///< told of every decision; null, but for `sluice explain`

    /// The client's address: the peer's, or the one that a trusted peer names.
    [[nodiscard]] const net::Address& peer() const {
        return client == nullptr ? wire.peer() : *client;
    }

    /// Decides the reply as nginx does for a handler's status: 3xx needs `reply.location`; 4xx and
    /// 5xx look for error_page, else a built-in page. Gives Decided or Redirected.
    [[nodiscard]] Verdict finish(int status);
    /// Continues at another uri: new location search. Past ten: 500.
    [[nodiscard]] Verdict redirect_to(std::string_view uri, std::string_view args);
    /// Searches the location of the uri again, which a rule has changed. Past ten times: 500.
    [[nodiscard]] Verdict search_again();
    /// Continues in a named location ("@name"); 500 where it does not exist.
    [[nodiscard]] Verdict redirect_to_named(std::string_view name);
    /// Goes on behind a rule that answered Waiting, and tells the wire when the reply is decided.
    /// The rule's task has called finish(), redirect_to() or neither (then: Declined) before.
    void resume_phases();
    /// Runs the rule that answered Waiting once more, because what it waited for is there, and goes
    /// on from it. Not inside run_phases().
    void retry_rule();

    /// Keeps `holding` until the exchange ends, also where the client leaves before.
    void hold(Holding& holding) {
        holding.next = holdings;
        holdings = &holding;
    }

    /// Asks for the request's body and calls `then(exchange, settings)` when all of it is in
    /// `body`: at once where nothing has to be read (no body, or one that an earlier rule asked
    /// for), else later. Gives what the caller's rule must answer. `then` is a rule like any other:
    /// it may decline, decide, redirect or wait, but not where the location's reply is decided
    /// already. Fails: a body that is too large (413), malformed (400), too slow (408) or cannot be
    /// kept (500) is answered here; `then` is not called.
    [[nodiscard]] Verdict read_body(RuleFn then, const void* settings);
    /// For the wire: the body is whole (status 0), or the request must be answered with `status`.
    /// Goes on with the phases; true: the reply is decided, false: something is waited for.
    [[nodiscard]] bool body_ended(int status);
    /// For the wire: bytes of the body. 0, or the status that body_ended() is to be given.
    [[nodiscard]] int keep_body(std::string_view bytes);
    /// For the wire: says in the log why the body cannot be kept. Gives 500.
    int note_body_trouble(const Error& error) const;
    /// Drops the reply made so far, releasing its body and pin.
    void discard_reply();

    /// A text rendered for this exchange; data() == nullptr: arena full, answer 500.
    [[nodiscard]] std::string_view render(const script::Template& text) {
        const std::string_view out = text.render(this, arena, captures);
        if (out.data() == nullptr) [[unlikely]] {
            tell_no_room(text);
        }
        return out;
    }

    /// Runs the Log phase, releases body and pin, forgets the request: the exchange is as new. The
    /// arena is reset by the owner afterwards.
    void end();

  private:
    void tell_no_room(const script::Template& text) const;
};

/// Runs the phases from server rewrite to head (or from where a Waiting rule left off) until the
/// reply is decided. Declined everywhere: 404. Gives false while a rule waits.
[[nodiscard]] bool run_phases(Exchange& exchange);

}  // namespace sluice::http
