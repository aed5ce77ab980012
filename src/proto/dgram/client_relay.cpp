// SPDX-License-Identifier: BSD-2-Clause
// Client: its peer. Datagrams pass both ways until as many as were expected have, or nothing has
// for long, as nginx's stream proxy has it. Runs in: worker.
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "log/log.h"
#include "proto/dgram/client.h"
#include "proto/dgram/protocol.h"
#include "proto/stream/error_line.h"

namespace sluice::dgram {

namespace {

/// Datagrams that are read of a peer at once, and calls before others have their turn.
constexpr std::size_t kPeerBatch = 8;
constexpr std::size_t kBulkBatch = 32;
constexpr unsigned kPeerRounds = 8;
/// Rates beyond this are none, and their arithmetic stays within 64 bits.
constexpr std::uint64_t kMostRate = std::uint64_t{1} << 40;
constexpr std::uint64_t kSecond = 1000;  // in ms

Millis time_for(std::uint64_t bytes, std::uint64_t rate) {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;
    return Millis(static_cast<std::int64_t>(std::min(bytes, kMostBytes) * kSecond / rate));
}

/// What may have passed `elapsed` after the start: a second's worth more than the time allows.
std::uint64_t allowed(Millis elapsed, std::uint64_t rate) {
    return rate * (static_cast<std::uint64_t>(std::max(elapsed, Millis(0)).count()) + kSecond) /
           kSecond;
}

bool is_limit(std::uint64_t rate) {
    return rate != 0 && rate < kMostRate;
}

/// The datagram is too large for the way, or the kernel short of memory: not the peer's fault, and
/// a client must not be able to have a peer marked.
bool is_no_word_of_the_peer(int code) {
    return code == EMSGSIZE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace

// ---- connecting ----

// A datagram socket is connected at once, or never.
void Client::connect(const net::Address& peer,
                     const net::ConnectOptions& options,
                     const stream::ConnectPlan& plan) {
    using Kind = net::ConnectOutcome::Kind;
    protocol_.forget_peer(*this);
    close_peer();
    life_.connect_plan = plan;
    life_.has_outcome = true;
    const Result<PeerSocket*> opened = protocol_.peers().open(peer, options, *this);
    if (opened) {
        peer_ = *opened;
        life_.outcome = {.kind = Kind::Connected, .error = {}};
    } else {
        const bool is_answer = std::string_view(opened.error().op) == "connect()";
        life_.outcome = {.kind = is_answer ? Kind::Refused : Kind::Unable, .error = opened.error()};
    }
    wake();
}

void Client::close_peer() {
    again_.unlink();
    if (peer_ != nullptr) {
        protocol_.peers().give_back(*std::exchange(peer_, nullptr));
    }
}

// ---- beginning ----

void Client::relay(const stream::RelayPlan& plan) {
    life_.relay_plan = plan;
    life_.has_plan = true;
    go(State::Relaying);
    wake();
}

Client::Step Client::start_relay() {
    life_.has_plan = false;
    life_.peer_error = {};
    life_.idle = life_.relay_plan.idle;
    if (!protocol_.peers().watch(*peer_)) {
        return conclude(stream::kInternalError);
    }
    keep_input();  // another peer may have to be asked
    send_first();
    arm();
    if (const auto limit = life_.relay_plan.requests;
        limit && *limit != 0 && life_.requests >= *limit) {
        protocol_.detach(*this);
    }
    return end_if_done() ? Step::Again : Step::Wait;
}

/// A PROXY header goes in front of the first datagram, inside it.
void Client::send_first() {
    std::string_view first = life_.input;
    const std::string_view head = life_.relay_plan.head;
    if (!head.empty()) {
        const std::span<char> joined = arena_.make_span<char>(head.size() + first.size());
        if (joined.empty()) {
            return protocol_.count_dropped(1);
        }
        std::ranges::copy(first, std::ranges::copy(head, joined.begin()).out);
        first = {joined.data(), joined.size()};
    }
    if (session_.last_try != nullptr) {
        session_.last_try->sent += first.size();
    }
    protocol_.send_to_peer(*this, first, first.size());
}

// ---- from the client ----

void Client::pass_up(const net::Datagram& datagram) {
    const std::size_t size = datagram.bytes.size();
    if (life_.has_plan || peer_ == nullptr || !may_upload(size)) [[unlikely]] {
        return protocol_.count_dropped(datagram.count());
    }
    life_.requests += datagram.count();
    session_.received += size;
    session_.last_try->sent += size;
    protocol_.send_to_peer(*this, datagram.bytes, datagram.segment);
    arm();
    if (const auto limit = life_.relay_plan.requests;
        limit && *limit != 0 && life_.requests >= *limit) {
        protocol_.detach(*this);
    }
    static_cast<void>(end_if_done());
}

/// As nginx: what comes too early is lost.
bool Client::may_upload(std::size_t size) {
    const std::uint64_t rate = life_.relay_plan.upload_rate;
    if (!is_limit(rate)) [[likely]] {
        return true;
    }
    const Millis now = protocol_.worker().loop.now();
    if (now < life_.upload_from || session_.received >= allowed(now - life_.started, rate)) {
        return false;
    }
    life_.upload_from = now + time_for(size, rate);
    return true;
}

void Client::peer_flushed(const net::DatagramOutcome& outcome) {
    if (is_no_word_of_the_peer(outcome.error.code)) {
        note_unsent(outcome);
    } else if (outcome.error.code != EAGAIN) {
        peer_failed(outcome.error);
    }
}

/// What never left cannot be answered: not waited for either.
void Client::note_unsent(const net::DatagramOutcome& outcome) {
    session_.catch_up();
    stream::write_error(session_, log::Level::Info, "{} while proxying and sending to upstream",
                        log::Failure{Error{"send()", outcome.error.code}});
    life_.responses += outcome.lost;
    static_cast<void>(end_if_done());
}

// ---- from the peer ----

void Client::peer_is_ready() {
    Dgram& protocol = protocol_;
    read_peer();
    protocol.allow_rest();
}

void Client::read_peer() {
    if (peer_ == nullptr || life_.state != State::Relaying || life_.has_plan) {
        return;  // what it says now will be found when the relay begins
    }
    session_.catch_up();
    const bool is_slow = is_limit(life_.relay_plan.download_rate);
    for (unsigned round = 0; round < kPeerRounds; ++round) {
        if (is_slow && !may_download()) {
            return;
        }
        const std::size_t most = is_slow ? 1 : peer_->is_joining ? kBulkBatch : kPeerBatch;
        protocol_.make_input_room(most);
        const Result<std::size_t> count = protocol_.input().receive(
            peer_->fd, most, {.sender = false, .notes = peer_->is_joining});
        if (!count) {
            // ICMP may tell of a narrow link, too.
            return count.error().code == EMSGSIZE ? protocol_.worker().loop.post(again_)
                                                  : peer_failed(count.error());
        }
        if (*count > 0 && pass_down(*count)) {
            return;
        }
        if (*count < most) {
            return;
        }
        if (!is_slow && !peer_->is_joining) {
            peer_->is_joining = sys::want_segments(peer_->fd).has_value();
        }
    }
    protocol_.worker().loop.post(again_);  // no edge will come for what is left
}

/// Passes on what was just read. True: the session is over.
bool Client::pass_down(std::size_t count) {
    net::DatagramInput& input = protocol_.input();
    stream::Try& attempt = *session_.last_try;
    life_.peer_error = {};
    if (attempt.first_byte.count() < 0) {
        attempt.first_byte = protocol_.worker().loop.now() - life_.started;
        large_input_.reset();  // nobody else will be asked
    }
    std::size_t datagrams = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const net::Datagram datagram = input.at(i);
        datagrams += datagram.count();
        if (datagram.is_cut) {
            protocol_.count_dropped(datagram.count());
            continue;
        }
        life_.responses += datagram.count();
        attempt.received += datagram.bytes.size();
        session_.sent += datagram.bytes.size();
        note_download(datagram.bytes.size());
        protocol_.send_to_client(*this, datagram.bytes, datagram.segment);
    }
    input.hold(count);
    protocol_.note_group(seen_in_, datagrams);
    arm();
    return end_if_done();
}

/// With a rate: whether the next one may be read; else the deadline says when.
bool Client::may_download() {
    const Millis now = protocol_.worker().loop.now();
    const std::uint64_t rate = life_.relay_plan.download_rate;
    const std::uint64_t most = allowed(now - life_.started, rate);
    const std::uint64_t received = session_.last_try->received;
    if (received >= most) {
        life_.download_from =
            std::max(life_.download_from, now + time_for(received - most, rate) + Millis(1));
    }
    life_.is_download_paused = now < life_.download_from;
    if (life_.is_download_paused) {
        event::TimerWheel::disarm(deadline_);
        arm();
    }
    return !life_.is_download_paused;
}

void Client::note_download(std::size_t size) {
    if (const std::uint64_t rate = life_.relay_plan.download_rate; is_limit(rate)) {
        life_.download_from = protocol_.worker().loop.now() + time_for(size, rate);
    }
}

/// The kernel tells what became of an earlier datagram: mostly that nobody is there. As nginx, it
/// counts as an answer, and the session goes on: the peer may come back.
void Client::peer_failed(const Error& error) {
    const bool is_out =
        error.op == std::string_view("send()") || error.op == std::string_view("sendmmsg()");
    life_.peer_error = {is_out ? "send()" : "recv()", error.code};
    session_.catch_up();
    stream::write_error(session_, stream::complaint_level(session_, log::Level::Error),
                        "{} while proxying and {} upstream", log::Failure{life_.peer_error},
                        is_out ? "sending to" : "reading from");
    const stream::RelayPlan& plan = life_.relay_plan;
    const bool has_answered = session_.last_try->first_byte.count() >= 0;
    if (!has_answered && plan.on_refused != nullptr && plan.on_refused(plan.owner, session_)) {
        if (!is_running_) {
            run();
        }
        return;
    }
    ++life_.responses;
    static_cast<void>(end_if_done());
}

// ---- the end ----

bool Client::has_all_answers() const {
    const auto expected = life_.relay_plan.responses;
    return !expected || life_.responses / std::max<std::uint64_t>(life_.requests, 1) >= *expected;
}

/// Ends the session when the client may send no more to it and all answers are here. True: it has,
/// or is about to.
bool Client::end_if_done() {
    const stream::RelayPlan& plan = life_.relay_plan;
    const bool is_counted = plan.requests && *plan.requests != 0;
    if (!plan.responses || (is_counted && life_.requests < *plan.requests) || !has_all_answers()) {
        return false;
    }
    end_relay(stream::RelayEnd::Done);
    return true;
}

/// Inside run() the end is left to it. The session may be gone when this returns.
void Client::end_relay(stream::RelayEnd end) {
    session_.catch_up();
    const stream::RelayPlan& plan = life_.relay_plan;
    const std::uint16_t status = plan.on_end(plan.owner, session_, end, life_.peer_error);
    if (is_running_) {
        life_.end_status = status;
    } else {
        static_cast<void>(conclude(status));
    }
}

}  // namespace sluice::dgram
