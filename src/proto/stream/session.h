// SPDX-License-Identifier: BSD-2-Clause
// Session: one client of `stream`, from its first byte to its log line: a TCP connection, or a
// client's datagrams. It knows no socket: a small Wire stands for whatever carries it.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/units.h"
#include "conf/generation.h"
#include "net/address.h"
#include "proto/stream/module.h"
#include "proto/stream/wire.h"
#include "script/template.h"

namespace sluice::stream {

struct Server;
struct Port;
class Meter;

inline constexpr std::uint16_t kOk = 200;
inline constexpr std::uint16_t kBadRequest = 400;
inline constexpr std::uint16_t kForbidden = 403;
inline constexpr std::uint16_t kInternalError = 500;
inline constexpr std::uint16_t kBadGateway = 502;
inline constexpr std::uint16_t kUnavailable = 503;

/// Something that a rule keeps for one session and that must be given back with it. Lives in the
/// session's arena, or longer.
struct Holding {
    Holding* next = nullptr;
    void (*release)(Holding& self) noexcept = nullptr;
};

/// One attempt at a peer, for $upstream_… and log lines. Lives in the session's arena.
struct Try {
    Try* next = nullptr;
    std::string_view address;  ///< "127.0.0.1:80"
    Millis connect{-1};        ///< until connected; below 0: never was
    Millis first_byte{-1};     ///< until the peer's first byte, from the session's start
    Millis whole{-1};          ///< until the attempt was over
    std::uint64_t received = 0;  ///< bytes from the peer
    std::uint64_t sent = 0;      ///< bytes to the peer
};

struct Timings {
    Millis started{};  ///< monotonic
    UnixSeconds started_wall{};
    Millis now{};   ///< monotonic, of the event that is dealt with
    Millis wall{};  ///< wall clock at `now`
};

/// Owner: the wire's client; reused for another client after end().
class Session {
  public:
    Session(Wire& the_wire, Arena& the_arena) : wire(the_wire), arena(the_arena) {}

    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Wire& wire;
    Arena& arena;
    conf::GenerationRef generation;  ///< the configuration this session began on; kept to its end
    Meter* meter = nullptr;          ///< counts it at its end; null: nobody does
    const Port* port = nullptr;
    const Server* server = nullptr;
    script::Captures captures;
    /// Variables of the configuration's own, by slot; made when the first is set. No address: unset.
    std::span<std::string_view> variables;
    const net::Address* client = nullptr;  ///< set_real_ip_from: who the peer speaks for
    std::string_view preread_name;         ///< the server name that the client asks for (SNI)
    const void* preread_facts = nullptr;   ///< what a Preread rule found, for its own variables
    const void* limit_note = nullptr;      ///< what limit_conn found, for its own variable
    Timings timings;
    std::uint64_t received = 0;  ///< bytes from the client
    std::uint64_t sent = 0;      ///< bytes to the client
    Try* tries = nullptr;        ///< attempts at peers, the first first
    Try* last_try = nullptr;
    std::uint16_t status = 0;  ///< $status; 0: not over
    Holding* holdings = nullptr;

    /// The client's address: the peer's, or the one that a trusted peer names.
    [[nodiscard]] const net::Address& peer() const {
        return client == nullptr ? wire.peer() : *client;
    }

    /// Keeps `holding` until the session ends.
    void hold(Holding& holding) {
        holding.next = holdings;
        holdings = &holding;
    }

    /// A text rendered for this session; data() == nullptr: arena full.
    [[nodiscard]] std::string_view render(const script::Template& text) {
        const std::string_view out = text.render(this, arena, captures);
        if (out.data() == nullptr) [[unlikely]] {
            tell_no_room(text);
        }
        return out;
    }

    /// Chooses the server by the name that the client asks for; the one of the port stays where
    /// none has it. Later phases are those of the new one.
    void choose_server(std::string_view host);

    /// Brings the times up to date, at the begin of whatever an event causes.
    void catch_up();

    /// Adds an attempt at a peer; null: arena full.
    Try* add_try(std::string_view address);

    /// Runs the phases from the first, or from where they left off, to a handler.
    /// Gives Decided (status is set; the wire ends it), More (Preread wants more bytes), Waiting
    /// or Taken, never Declined.
    [[nodiscard]] Verdict run_phases();

    /// For the wire: a rule that answered Waiting has done its work; goes on behind it.
    [[nodiscard]] Verdict go_on() {
        ++rule_;
        return run_phases();
    }

    /// Runs the Log phase, gives back what rules hold, forgets everything: the session is as new.
    /// The arena is reset by the owner afterwards.
    void end();

  private:
    void tell_no_room(const script::Template& text) const;

    Phase phase_ = Phase::PostAccept;
    std::uint16_t rule_ = 0;
};

}  // namespace sluice::stream
