// SPDX-License-Identifier: BSD-2-Clause
// Client: from the first datagram to what the handler chose, and the end. Peers are in
// client_relay.cpp.
// Runs in: worker.
#include "proto/dgram/client.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <utility>

#include "base/bug.h"
#include "log/log.h"
#include "proto/dgram/protocol.h"
#include "proto/stream/error_line.h"

namespace sluice::dgram {

namespace {

/// A proxied session's memory fits into the first block, which the object keeps.
constexpr std::size_t kArenaBlock = 2048;
constexpr std::size_t kArenaCap = std::size_t{256} * 1024;
/// First datagrams up to this size are kept in the arena.
constexpr std::size_t kSmallInput = 512;
/// Nothing of a client reaches a retiring worker; answers under way have so long.
constexpr Millis kRetiringIdle{1'000};

constexpr std::uint8_t bit(State state) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(state));
}

// kAllowed[from]: the states that may follow. Any state may be Over.
constexpr std::array<std::uint8_t, 5> kAllowed = [] {
    std::array<std::uint8_t, 5> table{};
    table[static_cast<std::size_t>(State::Over)] = bit(State::Deciding);
    table[static_cast<std::size_t>(State::Deciding)] = static_cast<std::uint8_t>(
        bit(State::Replying) | bit(State::Echoing) | bit(State::Relaying));
    // A peer that refuses is followed by another one.
    table[static_cast<std::size_t>(State::Relaying)] = bit(State::Relaying);
    return table;
}();

net::Address with_port(const sys::DatagramNotes& notes, std::uint16_t port) {
    sockaddr_storage storage{};
    if (notes.family == AF_INET) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, notes.local.data(), sizeof v4.sin_addr);
        std::memcpy(&storage, &v4, sizeof v4);
        return net::Address::from_kernel(storage, sizeof v4);
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, notes.local.data(), sizeof v6.sin6_addr);
    std::memcpy(&storage, &v6, sizeof v6);
    return net::Address::from_kernel(storage, sizeof v6);
}

}  // namespace

Client::Client(Dgram& protocol)
    : protocol_(protocol), arena_(kArenaBlock, kArenaCap), session_(*this, arena_) {
    posted_.client = this;
    posted_.run = [](event::Posted& posted) { static_cast<Posted&>(posted).client->run(); };
    again_.client = this;
    again_.run = [](event::Posted& posted) { static_cast<Posted&>(posted).client->read_peer(); };
    deadline_.client = this;
    deadline_.fire = [](event::Timer& timer) {
        static_cast<Deadline&>(timer).client->on_deadline();
    };
}

Client::~Client() = default;

void Client::go(State state) {
    BUG_UNLESS((kAllowed[static_cast<std::size_t>(life_.state)] & bit(state)) != 0,
               "a step that the states of a datagram session do not have");
    life_.state = state;
}

// ---- beginning ----

void Client::begin(Listener& listener, const net::Datagram& first, std::uint64_t hash) {
    event::Loop& loop = protocol_.worker().loop;
    address_ = net::Address::from_kernel(*first.from, first.from_size);
    life_.listener = &listener;
    life_.hash = hash;
    life_.number = protocol_.worker().next_connection_number++;
    life_.started = loop.now();
    life_.notes = first.notes;
    life_.notes.segment = 0;
    life_.input = first.bytes;
    life_.requests = 1;
    go(State::Deciding);
    session_.generation = listener.generation;
    session_.meter = &protocol_.meter();
    session_.port = listener.port;
    session_.server = listener.port->default_server;
    session_.received = first.bytes.size();
    session_.timings = {.started = life_.started,
                        .started_wall = loop.wall_seconds(),
                        .now = life_.started,
                        .wall = loop.wall()};
    protocol_.meter().count_begin();
    if (stream::logs(session_, log::Level::Info)) [[unlikely]] {
        stream::write_error(session_, log::Level::Info, "udp client {} connected to {}",
                            address_.text(), listener.port->address);
    }
    run();
}

bool Client::is_of(const Listener& listener, const net::Datagram& datagram) const {
    return life_.listener == &listener && address_.size() == datagram.from_size &&
           std::memcmp(address_.raw(), datagram.from, datagram.from_size) == 0 &&
           life_.notes.family == datagram.notes.family && life_.notes.local == datagram.notes.local;
}

bool Client::takes_runs() const {
    return life_.state == State::Echoing ||
           (life_.state == State::Relaying && !life_.relay_plan.requests &&
            life_.relay_plan.upload_rate == 0);
}

void Client::take(const net::Datagram& datagram) {
    YoungHook::unlink();
    switch (life_.state) {
        case State::Relaying:
            return pass_up(datagram);
        case State::Echoing:
            session_.received += datagram.bytes.size();
            life_.requests += datagram.count();
            return send_back(datagram);
        default:  // nobody can take it yet
            return protocol_.count_dropped(datagram.count());
    }
}

// ---- turns ----

void Client::run() {
    session_.catch_up();
    is_running_ = true;
    Step step = Step::Again;
    while (step == Step::Again) {
        step = turn();
    }
    if (step == Step::Gone) {
        return;
    }
    is_running_ = false;
    if (life_.input.data() != nullptr && life_.state == State::Deciding) {
        keep_input();
    }
}

Client::Step Client::turn() {
    if (life_.end_status != 0) {
        return conclude(life_.end_status);
    }
    if (life_.has_outcome) {
        life_.has_outcome = false;
        life_.connect_plan.on_done(life_.connect_plan.owner, session_, life_.outcome);
        return Step::Again;
    }
    switch (life_.state) {
        case State::Deciding:
            return decide();
        case State::Replying:
            return send_reply();
        case State::Relaying:
            return life_.has_plan ? start_relay() : Step::Wait;
        case State::Echoing:
            if (life_.input.data() != nullptr) {
                keep_input();
                session_.sent += life_.input.size();
                ++life_.responses;
                protocol_.send_text(*this, std::exchange(life_.input, {}));
                arm();
            }
            return Step::Wait;
        case State::Over:
            break;
    }
    return Step::Wait;
}

Client::Step Client::decide() {
    if (life_.is_resumed) {
        life_.is_resumed = false;
        return follow(session_.go_on());
    }
    return life_.is_waiting ? Step::Wait : follow(session_.run_phases());
}

Client::Step Client::follow(stream::Verdict verdict) {
    switch (verdict) {
        case stream::Verdict::Decided:
            return conclude(session_.status);
        case stream::Verdict::More:
            // A datagram is all that there is to look at.
            stream::write_error(session_, stream::client_level(session_, log::Level::Error),
                                "preread buffer full");
            return conclude(stream::kBadRequest);
        default:
            life_.is_waiting = true;
            return Step::Again;
    }
}

/// The bytes lie in memory that the next batch will use.
void Client::keep_input() {
    if (std::exchange(life_.is_input_kept, true)) {
        return;
    }
    if (life_.input.size() <= kSmallInput) {
        life_.input = arena_.copy(life_.input);
        return;
    }
    large_input_ = std::make_unique_for_overwrite<char[]>(life_.input.size());
    std::ranges::copy(life_.input, large_input_.get());
    life_.input = {large_input_.get(), life_.input.size()};
}

/// A handler or rule acts while nobody is asking it: run() must not be called from its stack.
void Client::wake() {
    if (!is_running_) {
        protocol_.worker().loop.post(posted_);
    }
}

void Client::resume() {
    life_.is_waiting = false;
    life_.is_resumed = true;
    wake();
}

void Client::end(std::uint16_t status) {
    life_.end_status = status;
    wake();
}

// ---- handlers ----

void Client::reply(std::string_view text) {
    life_.text = text;
    go(State::Replying);
    wake();
}

Client::Step Client::send_reply() {
    session_.sent += life_.text.size();
    ++life_.responses;
    protocol_.send_text(*this, life_.text);
    return conclude(stream::kOk);
}

void Client::echo(Millis idle) {
    life_.idle = idle;
    go(State::Echoing);
    wake();
}

void Client::send_back(const net::Datagram& datagram) {
    life_.responses += datagram.count();
    session_.sent += datagram.bytes.size();
    protocol_.send_to_client(*this, datagram.bytes, datagram.segment);
    arm();
}

// ---- time ----

void Client::arm() {
    event::Loop& loop = protocol_.worker().loop;
    const Millis idle =
        protocol_.worker().is_retiring ? std::min(life_.idle, kRetiringIdle) : life_.idle;
    const Millis from = life_.is_download_paused ? life_.download_from
                                                 : std::max(loop.now(), life_.upload_from) + idle;
    loop.timers().arm(deadline_, from);
}

void Client::on_deadline() {
    session_.catch_up();
    if (std::exchange(life_.is_download_paused, false)) {
        arm();
        return read_peer();
    }
    if (life_.state != State::Relaying) {
        static_cast<void>(conclude(stream::kOk));
        return;
    }
    end_relay(has_all_answers() ? stream::RelayEnd::TimedOut : stream::RelayEnd::Silent);
}

void Client::retire() {
    if (life_.state == State::Echoing) {
        static_cast<void>(conclude(stream::kOk));
    } else if (life_.state == State::Relaying && !life_.is_download_paused) {
        event::TimerWheel::disarm(deadline_);
        arm();
    }
}

// ---- the end ----

Client::Step Client::conclude(std::uint16_t status) {
    session_.catch_up();
    session_.status = status;
    session_.end();
    protocol_.destroy(*this);
    return Step::Gone;
}

void Client::abandon(std::uint16_t status) {
    static_cast<void>(conclude(status));
}

void Client::evict() {
    session_.catch_up();
    stream::write_error(session_, log::Level::Info,
                        "udp session ended, worker_connections are not enough");
    static_cast<void>(conclude(stream::kUnavailable));
}

void Client::clear() {
    close_peer();
    event::TimerWheel::disarm(deadline_);
    posted_.unlink();
    again_.unlink();
    large_input_.reset();
    arena_.reset();
    local_ = {};
    life_ = {};
    is_running_ = false;
}

// ---- what rules ask ----

net::DatagramTarget Client::target() const {
    return {.address = address_.raw(), .size = address_.size(), .notes = life_.notes};
}

const net::Address& Client::local() const {
    const Listener& listener = *life_.listener;
    if (life_.notes.family == AF_UNSPEC) {
        return listener.address;
    }
    if (local_.family() == AF_UNSPEC) {
        local_ = with_port(life_.notes, listener.address.port());
    }
    return local_;
}

Millis Client::age() const {
    return protocol_.worker().loop.now() - life_.started;
}

stream::PacketCounts Client::packets() const {
    return {.from_client = life_.requests, .to_client = life_.responses};
}

}  // namespace sluice::dgram
