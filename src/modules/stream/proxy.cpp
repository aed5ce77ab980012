// SPDX-License-Identifier: BSD-2-Clause
// proxy_pass: finds a peer that answers, perhaps after asking several, and hands the session to its
// wire's relay. Works for connections and datagrams alike: the wire connects.
// Runs in: worker.
#include <array>
#include <new>
#include <string_view>

#include <fmt/format.h>

#include "conf/level.h"
#include "modules/stream/features.h"
#include "modules/stream/proxy_conf.h"
#include "net/proxy_header_writer.h"
#include "proto/stream/core_conf.h"
#include "proto/stream/error_line.h"
#include "proto/stream/session.h"
#include "proto/stream/site.h"
#include "upstream/attempt.h"
#include "upstream/destination.h"

namespace sluice::modules {

namespace {

using stream::Session;
using stream::Verdict;

constexpr conf::Module kConf{"stream proxy", &kProxyConfKind};

/// One session's way to a peer. Lies in the session's arena; destroyed with the session.
struct Run : stream::Holding {
    Run(Session& the_session, const ProxyConf& the_conf) : session(the_session), conf(the_conf) {
        release = [](stream::Holding& self) noexcept { static_cast<Run&>(self).~Run(); };
    }

    ~Run() {
        attempt.reset();  // before the group that it was made for
        if (destination != nullptr) {
            destination->~Destination();
        }
    }

    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    Session& session;
    const ProxyConf& conf;
    upstream::Destination* destination = nullptr;  ///< of a target with variables; in the arena
    upstream::Attempt attempt;
    net::Address bind_address;
    Millis began{};             ///< the first attempt, for proxy_next_upstream_timeout
    Millis connecting_since{};  ///< this attempt
    std::array<char, net::kMostWrittenProxyHeader> header{};
};

/// What became of asking for a peer.
enum class Asked : std::uint8_t { Connecting, Nobody };

void tell(const void* subject, log::Level level, std::string_view text) {
    stream::write_error(*static_cast<const Session*>(subject), level,
                        "{} while connecting to upstream", text);
}

void note_peer_over(Run& run) {
    if (stream::Try* const last = run.session.last_try;
        last != nullptr && last->whole.count() < 0) {
        last->whole = run.session.timings.now - run.connecting_since;
    }
}

// ---- connecting ----

void on_connected(void* owner, Session& session, const net::ConnectOutcome& outcome);

/// The local end of the connection to the peer, or null.
const net::Address* bind_address(Run& run) {
    const BindSetting& bind = *run.conf.bind;
    if (!bind.is_on) {
        return nullptr;
    }
    if (bind.text.is_constant()) {
        return &bind.constant;
    }
    const std::string_view text = run.session.render(bind.text);
    const auto address = text.empty() ? std::nullopt : parse_bind_address(text);
    if (!address) {
        if (!text.empty()) {
            stream::write_error(run.session,
                                stream::complaint_level(run.session, log::Level::Error),
                                "invalid local address \"{}\"", log::Escaped{text});
        }
        return nullptr;
    }
    run.bind_address = *address;
    return &run.bind_address;
}

void connect(Run& run, const net::Address& peer, std::string_view name) {
    Session& session = run.session;
    const std::string_view kept = session.arena.copy(name);
    static_cast<void>(session.add_try(kept.data() == nullptr ? "?" : kept));
    run.connecting_since = session.timings.now;
    const net::ConnectOptions options{.from = bind_address(run),
                                      .is_transparent = run.conf.bind->is_transparent,
                                      .is_datagram = session.wire.is_datagram(),
                                      .has_keepalive = *run.conf.socket_keepalive,
                                      .has_nodelay = *session.server->core->tcp_nodelay,
                                      .timeout = *run.conf.connect_timeout};
    session.wire.connect(peer, options, {.on_done = &on_connected, .owner = &run});
}

Asked ask_next(Run& run) {
    const upstream::Peer* const peer = run.attempt.next(run.session.timings.now);
    if (peer == nullptr) {
        return Asked::Nobody;
    }
    connect(run, peer->address, peer->name);
    return Asked::Connecting;
}

bool may_retry(const Run& run) {
    if (!*run.conf.next_upstream || !run.attempt.may_retry()) {
        return false;
    }
    const Millis limit = *run.conf.next_upstream_timeout;
    return limit.count() == 0 || run.session.timings.now - run.began < limit;
}

// ---- relaying ----

std::uint64_t rate_of(Session& session, const RateSetting& rate) {
    if (rate.text.is_constant()) {
        return rate.constant;
    }
    const auto size = conf::parse_size(session.render(rate.text));
    return size ? size->count : 0;
}

std::string_view header_of(Run& run) {
    const ProxyHeaderVersion version = *run.conf.protocol;
    if (version == ProxyHeaderVersion::Off) {
        return {};
    }
    return net::write_proxy_header(
        version == ProxyHeaderVersion::First ? net::ProxyVersion::First : net::ProxyVersion::Second,
        run.session.wire.is_datagram() ? net::ProxiedTransport::Datagram
                                       : net::ProxiedTransport::Stream,
        run.session.peer(), run.session.wire.local(), run.header);
}

log::Level level_of(const Error& error) {
    constexpr std::array<int, 4> kOrdinary{ECONNRESET, EPIPE, ENOTCONN, ETIMEDOUT};
    return std::ranges::find(kOrdinary, error.code) == kOrdinary.end() ? log::Level::Error
                                                                       : log::Level::Info;
}

void tell_packets(const Session& session, std::string_view how) {
    const stream::PacketCounts packets = session.wire.packets();
    stream::write_error(session, log::Level::Info, "udp {}, packets from/to client:{}/{}", how,
                        packets.from_client, packets.to_client);
}

/// Says how it ended; gives the session's status.
std::uint16_t tell_end(const Session& session, stream::RelayEnd end, const Error& error) {
    using stream::RelayEnd;
    switch (end) {
        case RelayEnd::ClientEnded:
            stream::write_error(session, log::Level::Info, "client disconnected");
            return stream::kOk;
        case RelayEnd::PeerEnded:
            stream::write_error(session, log::Level::Info, "upstream disconnected");
            return stream::kOk;
        case RelayEnd::ClientFailed:
            stream::write_error(session, log::Level::Info, "{} while proxying connection",
                                log::Failure{error});
            return stream::kOk;
        case RelayEnd::PeerFailed:
            stream::write_error(session, level_of(error), "{} while proxying connection",
                                log::Failure{error});
            return stream::kOk;
        case RelayEnd::TimedOut:
            if (session.wire.is_datagram()) {
                tell_packets(session, "timed out");
                return stream::kOk;
            }
            stream::write_error(session, log::Level::Info,
                                "connection timed out (110: Connection timed out) while proxying "
                                "connection");
            return stream::kOk;
        case RelayEnd::Done:
            tell_packets(session, "done");
            return stream::kOk;
        case RelayEnd::Silent:
            stream::write_error(session, log::Level::Error,
                                "upstream timed out (110: Connection timed out) while proxying "
                                "connection");
            return stream::kBadGateway;
    }
    return stream::kOk;
}

std::uint16_t on_relay_end(void* owner,
                           Session& session,
                           stream::RelayEnd end,
                           const Error& error) {
    Run& run = *static_cast<Run*>(owner);
    const Millis now = session.timings.now;
    note_peer_over(run);
    const std::uint16_t status = tell_end(session, end, error);
    const stream::Try& last = *session.last_try;
    if (last.first_byte.count() >= 0) {
        run.attempt.first_byte(session.timings.started + last.first_byte);
    }
    run.attempt.count(last.sent, last.received);
    const bool is_deaf = session.wire.is_datagram() && error.code != 0;
    if (is_deaf || end == stream::RelayEnd::Silent || end == stream::RelayEnd::PeerFailed) {
        run.attempt.fail(now);
    } else {
        run.attempt.succeed(now);
    }
    return status;
}

/// A peer of datagrams shows only after the first one that nobody is there: the same as a refused
/// connection, but to nginx, which goes on with it.
bool on_refused(void* owner, Session& session) {
    Run& run = *static_cast<Run*>(owner);
    if (session.generation->is_compat() || !may_retry(run)) {
        return false;
    }
    note_peer_over(run);
    run.attempt.count(session.last_try->sent, session.last_try->received);
    run.attempt.fail(session.timings.now);
    return run.attempt.may_retry() && ask_next(run) == Asked::Connecting;
}

void begin_relay(Run& run) {
    Session& session = run.session;
    const stream::RelayPlan plan{.idle = *run.conf.timeout,
                                 .buffer_size = run.conf.buffer_size->count,
                                 .upload_rate = rate_of(session, *run.conf.upload_rate),
                                 .download_rate = rate_of(session, *run.conf.download_rate),
                                 .keeps_half_open = *run.conf.half_close,
                                 .head = header_of(run),
                                 .requests = *run.conf.requests,
                                 .responses = *run.conf.responses,
                                 .on_end = &on_relay_end,
                                 .on_refused = &on_refused,
                                 .owner = &run};
    session.wire.relay(plan);
}

void on_connected(void* owner, Session& session, const net::ConnectOutcome& outcome) {
    using Kind = net::ConnectOutcome::Kind;
    Run& run = *static_cast<Run*>(owner);
    const Millis now = session.timings.now;
    if (outcome.is_connected()) {
        session.last_try->connect = now - run.connecting_since;
        run.attempt.connected(now);
        if (!session.wire.is_datagram()) {
            run.attempt.prove(now);  // a datagram's socket is connected whoever is there
        }
        return begin_relay(run);
    }
    note_peer_over(run);
    if (outcome.kind == Kind::TimedOut) {
        stream::write_error(session, log::Level::Error,
                            "upstream timed out (110: Connection timed out) while connecting to "
                            "upstream");
    } else {
        stream::write_error(session,
                            outcome.kind == Kind::Unable ? log::Level::Crit : log::Level::Error,
                            "{} while connecting to upstream", log::Failure{outcome.error});
    }
    if (outcome.kind == Kind::Unable) {
        run.attempt.reset();
        return session.wire.end(stream::kInternalError);
    }
    run.attempt.fail(now);
    if (!may_retry(run) || ask_next(run) == Asked::Nobody) {
        session.wire.end(stream::kBadGateway);
    }
}

// ---- the target ----

Verdict fail_with(Session& session, std::uint16_t status) {
    session.status = status;
    return Verdict::Decided;
}

Asked begin(Run& run, upstream::Group& group) {
    Session& session = run.session;
    run.began = session.timings.now;
    run.attempt.begin(
        group,
        {.subject = &session, .arena = session.arena, .client = session.peer(), .tell = &tell},
        session.timings.now);
    run.attempt.limit_tries(*run.conf.next_upstream_tries);
    return ask_next(run);
}

void tell_unknown(const Run& run) {
    stream::write_error(run.session, stream::complaint_level(run.session, log::Level::Error), "{}",
                        run.destination->problem());
}

void on_found(upstream::Destination& destination) {
    Run& run = *static_cast<Run*>(destination.owner);
    run.session.catch_up();
    if (destination.state() != upstream::Destination::State::Ready) {
        tell_unknown(run);
        return run.session.wire.end(stream::kBadGateway);
    }
    if (begin(run, destination.group()) == Asked::Nobody) {
        run.session.wire.end(stream::kBadGateway);
    }
}

/// Looks for what the text of a target with variables names.
Verdict find_target(Run& run) {
    using State = upstream::Destination::State;
    Session& session = run.session;
    void* const memory =
        session.arena.allocate(sizeof(upstream::Destination), alignof(upstream::Destination));
    const std::string_view text = session.render(run.conf.target_text);
    if (memory == nullptr || text.data() == nullptr) {
        return fail_with(session, stream::kInternalError);
    }
    run.destination = ::new (memory) upstream::Destination();
    run.destination->owner = &run;
    switch (run.destination->find(run.conf.destination, text, &on_found)) {
        case State::Ready:
            return begin(run, run.destination->group()) == Asked::Connecting
                       ? Verdict::Taken
                       : fail_with(session, stream::kBadGateway);
        case State::Waiting:
            return Verdict::Taken;
        case State::Idle:
        case State::Failed:
            break;
    }
    tell_unknown(run);
    return fail_with(session, stream::kInternalError);
}

Verdict take_session(Session& session, const void* settings) {
    const ProxyConf& conf = *static_cast<const ProxyConf*>(settings);
    void* const memory = session.arena.allocate(sizeof(Run), alignof(Run));
    if (memory == nullptr) {
        return fail_with(session, stream::kInternalError);
    }
    Run& run = *::new (memory) Run(session, conf);
    session.hold(run);
    if (!conf.target_text.source().empty()) {
        return find_target(run);
    }
    return begin(run, conf.target.group()) == Asked::Connecting
               ? Verdict::Taken
               : fail_with(session, stream::kBadGateway);
}

stream::BoundRule bind(stream::Phase phase, conf::Level& level) {
    const ProxyConf& conf = level.conf<ProxyConf>();
    if (phase != stream::Phase::Content || !conf.is_there) {
        return {};
    }
    return {.run = &take_session, .settings = &conf};
}

}  // namespace

constexpr stream::Module kStreamProxy{
    .name = "proxy",
    .conf = &kConf,
    .bind = &bind,
};

}  // namespace sluice::modules
