// SPDX-License-Identifier: BSD-2-Clause
// Client: from accept to what the handler chose, and the end. What it answers itself is in
// client_answer.cpp, its peers are in client_relay.cpp.
// Runs in: worker.
#include "proto/tcp/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/bug.h"
#include "log/log.h"
#include "net/buffer_pool.h"
#include "proto/stream/core_conf.h"
#include "proto/stream/error_line.h"
#include "proto/tcp/protocol.h"

namespace sluice::tcp {

namespace {

constexpr std::size_t kArenaBlock = 1024;
constexpr std::size_t kArenaCap = std::size_t{256} * 1024;

constexpr std::uint16_t bit(State state) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(state));
}

// kAllowed[from]: the states that may follow. Any state may end in destruction.
constexpr std::array<std::uint16_t, 8> kAllowed = [] {
    std::array<std::uint16_t, 8> table{};
    const auto allow = [&table](State from, std::uint16_t to) {
        table[static_cast<std::size_t>(from)] = to;
    };
    allow(State::Proxy, bit(State::Deciding));
    allow(State::Deciding, bit(State::Prereading) | bit(State::Replying) | bit(State::Echoing) |
                               bit(State::Conversing) | bit(State::Relaying));
    allow(State::Prereading, bit(State::Deciding));
    allow(State::Replying, bit(State::Lingering));
    allow(State::Conversing, bit(State::Lingering));
    return table;
}();

/// As nginx: one that listens on all addresses is meant by each of them.
const conf::ListenSpec* find_listener(const conf::Generation& generation, std::string_view key) {
    if (const conf::ListenSpec* const exact = generation.find_listen(key); exact != nullptr) {
        return exact;
    }
    const auto address = net::Address::parse(key);
    if (!address || address->is_unix()) {
        return nullptr;
    }
    constexpr std::size_t kRoom = 16;
    std::array<char, kRoom> wildcard;
    const auto end =
        fmt::format_to_n(wildcard.begin(), wildcard.size(), "{}:{}",
                         address->family() == AF_INET ? "0.0.0.0" : "[::]", address->port());
    return generation.find_listen({wildcard.data(), end.size});
}

}  // namespace

Client::Client(Tcp& protocol,
               sys::UniqueFd socket,
               const net::Address& peer,
               ListenerId listener,
               std::uint64_t number)
    : protocol_(protocol),
      client_(protocol.worker().loop, std::move(socket), peer, listener),
      peer_address_(peer),
      number_(number),
      started_(protocol.worker().loop.now()),
      arena_(kArenaBlock, kArenaCap),
      session_(*this, arena_),
      connector_(protocol.worker().loop) {
    posted_.client = this;
    posted_.run = [](event::Posted& posted) { static_cast<Posted&>(posted).client->run(); };
}

Client::~Client() {
    if (has_peer_) {
        protocol_.note_peer_gone();
    }
}

void Client::go(State state) {
    BUG_UNLESS((kAllowed[static_cast<std::size_t>(state_)] & bit(state)) != 0,
               "a step that the states of a stream client do not have");
    state_ = state;
}

// ---- beginning ----

void Client::begin(const stream::Port& port) {
    event::Loop& loop = client_.loop();
    session_.generation = protocol_.worker().current;
    session_.meter = &protocol_.meter();
    session_.port = &port;
    session_.server = port.default_server;
    session_.timings = {.started = started_,
                        .started_wall = loop.wall_seconds(),
                        .now = started_,
                        .wall = loop.wall()};
    protocol_.meter().count_begin();
    client_.owner = this;
    client_.on_event = [](net::Connection& self) { net::owner_of<Client>(self).handle_event(); };
    client_.on_deadline = [](net::Connection& self) { net::owner_of<Client>(self).time_out(); };
    if (!*session_.server->core->tcp_nodelay) {
        client_.set_nodelay(false);
    }
    if (stream::logs(session_, log::Level::Info)) [[unlikely]] {
        stream::write_error(session_, log::Level::Info, "client {} connected to {}",
                            peer_address_.text(), port.address);
    }
    if (port.has_proxy_header) {
        state_ = State::Proxy;
    }
    run();
}

void Client::abandon() {
    if (state_ == State::Lingering) {
        return;
    }
    count_relay();
    finish_session(stream::kOk);
}

// ---- turns ----

void Client::handle_event() {
    if (state_ == State::Conversing) {
        client_.loop().gather(protocol_.gathering(), seen_in_);
    }
    run();
}

void Client::run() {
    session_.catch_up();
    is_running_ = true;
    Step step = Step::Again;
    while (step == Step::Again) {
        step = end_status_ != 0 ? conclude(end_status_) : turn();
    }
    if (step != Step::Gone) {
        is_running_ = false;
    }
}

Client::Step Client::turn() {
    switch (state_) {
        case State::Proxy:
            return read_proxy_header();
        case State::Prereading:
            return read_more();
        case State::Deciding:
            return decide();
        case State::Replying:
            return send_reply();
        case State::Echoing:
            return send_echo();
        case State::Conversing:
            return converse_on();
        case State::Relaying:
            start_relay();
            return Step::Wait;
        case State::Lingering:
            return linger();
    }
    return Step::Gone;
}

/// A handler chose while nobody was asking it: run() must not be called from its stack.
void Client::wake() {
    if (!is_running_) {
        client_.loop().post(posted_);
    }
}

Client::Step Client::watch() {
    if (client_.watch()) {
        return Step::Wait;
    }
    return conclude(stream::kInternalError);
}

Client::Step Client::wait_for(Millis limit) {
    if (!client_.has_deadline()) {
        client_.set_deadline_in(limit);
    }
    return watch();
}

void Client::time_out() {
    session_.catch_up();
    switch (state_) {
        case State::Proxy:
            stream::write_error(session_, log::Level::Info,
                                "client timed out (110: Connection timed out) while reading PROXY "
                                "protocol");
            break;
        case State::Replying:
            stream::write_error(session_, log::Level::Info,
                                "client timed out (110: Connection timed out) while sending to "
                                "client");
            break;
        default:
            break;
    }
    if (state_ == State::Lingering) {
        return protocol_.destroy(*this);
    }
    // As nginx counts it: who never sends what is waited for has simply left.
    static_cast<void>(conclude(stream::kOk));
}

// ---- first bytes ----

bool Client::make_buffer(std::size_t wanted) {
    if (buffer_.empty()) {
        const std::size_t size = std::max<std::size_t>(wanted, 1);
        if (size > kArenaCap / 2) {
            large_buffer_ = net::BufferPool::allocate(size);
        }
        char* const memory = large_buffer_ != nullptr
                                 ? large_buffer_.get()
                                 : static_cast<char*>(arena_.allocate(size, 1));
        buffer_ = {memory, memory == nullptr ? 0 : size};
    }
    if (buffer_.empty()) {
        stream::write_error(session_, log::Level::Crit, "no memory for {} bytes of a client",
                            wanted);
    }
    return !buffer_.empty();
}

std::string_view Client::preread() const {
    return {buffer_.data() + begin_, end_ - begin_};
}

Client::Step Client::read_proxy_header() {
    net::ProxyHeader header;
    const net::ProxyReading reading = net::read_proxy_header(preread(), header);
    if (reading.outcome == net::ProxyOutcome::Broken) {
        stream::write_error(session_, stream::client_level(session_, log::Level::Error),
                            "{}: \"{}\" while reading PROXY protocol", reading.complaint,
                            log::Escaped{net::shown_header(preread())});
        return conclude(stream::kBadRequest);
    }
    if (reading.outcome != net::ProxyOutcome::More) {
        if (reading.outcome == net::ProxyOutcome::Told) {
            proxied_ = std::make_unique<net::ProxyHeader>(std::move(header));
        }
        begin_ = reading.size;
        session_.received = end_ - begin_;  // the header is not the client's
        client_.clear_deadline();
        go(State::Deciding);
        return Step::Again;
    }
    const std::size_t preread_size = session_.server->core->preread_buffer_size->count;
    if (!make_buffer(net::kMostProxyHeader + preread_size)) {
        return conclude(stream::kInternalError);
    }
    if (!client_.is_readable()) {
        return wait_for(*session_.server->core->proxy_protocol_timeout);
    }
    const Result<sys::Transfer> got = client_.recv(buffer_.subspan(end_));
    if (!got || got->is_end) {
        return conclude(got ? stream::kBadRequest : stream::kOk);
    }
    end_ += got->size;
    return Step::Again;
}

Client::Step Client::read_more() {
    const stream::CoreConf& core = *session_.server->core;
    if (!make_buffer(core.preread_buffer_size->count)) {
        return conclude(stream::kInternalError);
    }
    if (end_ == buffer_.size()) {
        stream::write_error(session_, stream::client_level(session_, log::Level::Error),
                            "preread buffer full");
        return conclude(stream::kBadRequest);
    }
    if (!client_.is_readable()) {
        return wait_for(*core.preread_timeout);
    }
    const Result<sys::Transfer> got = client_.recv(buffer_.subspan(end_));
    if (!got || got->is_end) {
        return conclude(stream::kOk);
    }
    if (got->size == 0) {
        return Step::Again;  // blocked: the readable bit is gone
    }
    end_ += got->size;
    session_.received += got->size;
    go(State::Deciding);
    return Step::Again;
}

// ---- phases ----

Client::Step Client::decide() {
    if (is_resumed_) {
        is_resumed_ = false;
        return follow(session_.go_on());
    }
    return is_waiting_ ? Step::Wait : follow(session_.run_phases());
}

Client::Step Client::follow(stream::Verdict verdict) {
    switch (verdict) {
        case stream::Verdict::Decided:
            return conclude(session_.status);
        case stream::Verdict::More:
            go(State::Prereading);
            return Step::Again;
        case stream::Verdict::Waiting:
            client_.clear_deadline();
            is_waiting_ = true;
            return Step::Wait;
        case stream::Verdict::Taken:
        case stream::Verdict::Declined:
            break;
    }
    if (is_passed_) {
        return conclude(stream::kOk);
    }
    client_.clear_deadline();
    is_waiting_ = true;  // for a handler that connects first
    return state_ == State::Deciding ? Step::Wait : Step::Again;
}

void Client::resume() {
    is_waiting_ = false;
    is_resumed_ = true;
    wake();
}

void Client::end(std::uint16_t status) {
    end_status_ = status;
    wake();
}

// ---- another listener ----

stream::Passing Client::pass(std::string_view listener_key) {
    const conf::ListenSpec* const spec = find_listener(*protocol_.worker().current, listener_key);
    if (spec == nullptr) {
        return stream::Passing::NoListener;
    }
    if (!preread().empty()) {
        return stream::Passing::HasInput;
    }
    if (!protocol_.may_pass()) {
        return stream::Passing::TooOften;
    }
    net::Accepted handed{.fd = client_.release(), .peer = peer_address_, .listener = spec->id};
    is_passed_ = protocol_.hand_over(handed);
    return stream::Passing::Done;
}

// ---- the end ----

void Client::finish_session(std::uint16_t status) {
    connector_.cancel();
    session_.catch_up();
    session_.status = status;
    session_.end();
}

Client::Step Client::conclude(std::uint16_t status) {
    finish_session(status);
    protocol_.destroy(*this);
    return Step::Gone;
}

// ---- what rules ask ----

const net::Address& Client::local() const {
    if (local_.family() == AF_UNSPEC) {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        if (client_.is_open() && sys::local_address(client_.fd, &storage, &size)) {
            local_ = net::Address::from_kernel(storage, size);
        }
    }
    return local_;
}

Millis Client::age() const {
    return client_.loop().now() - started_;
}

std::optional<sys::TcpFacts> Client::tcp() const {
    const auto facts = sys::tcp_facts(client_.fd);
    return facts ? std::optional(*facts) : std::nullopt;
}

}  // namespace sluice::tcp
