// SPDX-License-Identifier: BSD-2-Clause
// A check's steps.
// Runs in: worker.
#include "upstream/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "sys/epoll.h"
#include "sys/socket.h"

namespace sluice::upstream {

namespace {

constexpr std::string_view kConnecting = "connecting to upstream";
constexpr std::string_view kSending = "sending a check to upstream";
constexpr std::string_view kReading = "reading the answer of upstream";
constexpr std::string_view kJudging = "checking the answer of upstream";

/// How long a datagram may take to be refused, where nothing else is expected.
constexpr Millis kRefusalTime{500};

}  // namespace

Probe::Probe(event::Loop& loop, const CheckSpec& spec, void* owner, Done done)
    : loop_(loop), spec_(spec), owner_(owner), done_(done) {
    on_ready = [](event::Pollable& self, std::uint32_t) { static_cast<Probe&>(self).advance(); };
    fire = [](event::Timer& self) { static_cast<Probe&>(self).on_timeout(); };
    verdict_.probe = this;
    verdict_.run = [](event::Posted& self) {
        Probe& probe = *static_cast<Verdict&>(self).probe;
        const std::string_view why = probe.why_;
        probe.cancel();
        probe.done_(probe.owner_, why);
    };
}

Probe::~Probe() {
    cancel();
}

void Probe::cancel() {
    if (socket_) {
        loop_.forget_before_close(*this);
        socket_.reset();
    }
    event::TimerWheel::disarm(*this);
    verdict_.unlink();
    state_ = State::Idle;
}

void Probe::start(const net::Address& address) {
    cancel();
    sent_ = 0;
    answer_.clear();
    trouble_ = {};
    state_ = State::Connecting;
    if (const Result<> opened = open(address); !opened) {
        if (opened.error().op != std::string_view("connect()")) {
            trouble_ = opened.error();
        }
        return end(kConnecting);
    }
    loop_.arm(*this, spec_.is_udp && spec_.judge == nullptr ? std::min(spec_.timeout, kRefusalTime)
                                                            : spec_.timeout);
}

Result<> Probe::open(const net::Address& address) {
    socket_ = TRY(sys::socket(address.family(), spec_.is_udp ? SOCK_DGRAM : SOCK_STREAM));
    const Result<> connected = sys::connect(socket_.get(), address.raw(), address.size());
    if (!connected && connected.error().code != EINPROGRESS) {
        return connected;
    }
    fd = socket_.get();
    return loop_.watch(*this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void Probe::advance() {
    if (state_ == State::Connecting && check_connected()) {
        state_ = State::Sending;
    }
    if (state_ == State::Sending) {
        send_more();
    }
    if (state_ == State::Reading) {
        read_more();
    }
}

bool Probe::check_connected() {
    const Result<int> error = sys::get_option(socket_.get(), SOL_SOCKET, SO_ERROR);
    if (!error || *error != 0) {
        end(kConnecting);
        return false;
    }
    if (!spec_.is_udp && spec_.send.empty() && spec_.judge == nullptr) {
        end({});
        return false;
    }
    return true;
}

void Probe::send_more() {
    while (sent_ < spec_.send.size()) {
        const Result<sys::Transfer> sent =
            sys::send(socket_.get(), {spec_.send.data() + sent_, spec_.send.size() - sent_});
        if (!sent) {
            return end(kSending);
        }
        if (sent->is_blocked) {
            return;
        }
        sent_ += sent->size;
    }
    if (!spec_.is_udp && spec_.judge == nullptr) {
        return end({});
    }
    state_ = State::Reading;
}

void Probe::read_more() {
    std::array<char, 4096> piece;
    while (true) {
        const Result<sys::Transfer> got = sys::recv(socket_.get(), piece);
        if (!got) {
            return end(kReading);
        }
        if (got->is_blocked) {
            return;
        }
        answer_.append(piece.data(), got->size);
        const bool is_end = got->is_end || spec_.is_udp || answer_.size() >= kMostCheckedBytes;
        judge(is_end);
        if (state_ != State::Reading) {
            return;
        }
    }
}

void Probe::judge(bool is_end) {
    if (spec_.judge == nullptr) {
        return end({});  // a datagram came back
    }
    const Judgement judgement = spec_.judge(spec_, answer_, is_end);
    if (judgement == Judgement::Good) {
        end({});
    } else if (judgement == Judgement::Bad || is_end) {
        end(kJudging);
    }
}

void Probe::on_timeout() {
    const bool was_waiting = state_ == State::Reading;
    if (was_waiting && spec_.is_udp && spec_.judge == nullptr) {
        return end({});  // nobody refused it
    }
    end(state_ == State::Connecting ? kConnecting : (was_waiting ? kReading : kSending));
}

void Probe::end(std::string_view why) {
    state_ = State::Ended;
    why_ = why;
    loop_.post(verdict_);
}

}  // namespace sluice::upstream
