// SPDX-License-Identifier: BSD-2-Clause
// Talking to a syslog receiver.
// Runs in: logger (a thread of it).
#include "logger/syslog_link.h"

#include <array>
#include <sys/socket.h>

#include "sys/clock.h"
#include "sys/socket.h"

namespace sluice::logger {

namespace {

/// Between two attempts to open a socket for datagrams; lines meanwhile are lost.
constexpr Millis kRetry{100};
/// So long after a failure a datagram that was sent proves that somebody is there.
constexpr Millis kQuarantine{1000};

}  // namespace

SyslogLink::SyslogLink(const ipc::SyslogEntry& entry)
    : address_(net::Address::parse(entry.address).value_or(net::Address{})),
      is_stream_(entry.is_stream),
      counts_octets_(entry.counts_octets) {}

Sent SyslogLink::send(const Message& message) {
    if (state_ == State::Closed) {
        const Sent connected = connect();
        if (connected != Sent::Whole) {
            return connected;
        }
    }
    if (state_ == State::Connecting) {
        const Sent finished = finish_connecting();
        if (finished != Sent::Whole) {
            return finished;
        }
    }
    return is_stream_ ? send_stream(message.bytes) : send_datagram(message.bytes);
}

Sent SyslogLink::connect() {
    const Millis now = sys::monotonic_now();
    if (!is_stream_ && now < retry_at_) {
        return Sent::Lost;
    }
    retry_at_ = now + kRetry;
    auto made = sys::socket(address_.family(), is_stream_ ? SOCK_STREAM : SOCK_DGRAM);
    if (!made) {
        return break_off(made.error().code);
    }
    socket_ = std::move(*made);
    const Result<> connected = sys::connect(socket_.get(), address_.raw(), address_.size());
    if (connected) {
        state_ = State::Open;
        return Sent::Whole;
    }
    const int code = connected.error().code;
    if (code == EINPROGRESS) {
        state_ = State::Connecting;
        return Sent::Blocked;
    }
    if (code == EPROTOTYPE) {
        // A Unix socket of the other type, as /dev/log is on some systems.
        is_stream_ = !is_stream_;
        retry_at_ = {};
        socket_.reset();
        return Sent::Broken;
    }
    return break_off(code);
}

Sent SyslogLink::finish_connecting() {
    const Result<int> code = sys::get_option(socket_.get(), SOL_SOCKET, SO_ERROR);
    if (!code || *code != 0) {
        return break_off(code ? *code : code.error().code);
    }
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (!sys::peer_address(socket_.get(), &peer, &size)) {
        return Sent::Blocked;  // the handshake is not over
    }
    state_ = State::Open;
    return Sent::Whole;
}

Sent SyslogLink::send_datagram(std::string_view bytes) {
    auto done = sys::send(socket_.get(), bytes);
    const bool is_at_once = done.has_value();
    if (!done && done.error().code == ECONNREFUSED && !address_.is_unix()) {
        // The answer to an earlier datagram (ICMP); this one has not been tried yet.
        error_ = ECONNREFUSED;
        failed_at_ = sys::monotonic_now();
        ++late_losses_;
        done = sys::send(socket_.get(), bytes);
    }
    if (!done) {
        return lose(done.error().code);
    }
    if (done->is_blocked) {
        return Sent::Blocked;
    }
    if (is_at_once) {
        succeed();
    }
    return Sent::Whole;
}

Sent SyslogLink::send_stream(std::string_view bytes) {
    if (framed_.empty()) {
        if (counts_octets_) {
            framed_ = std::to_string(bytes.size()) + ' ';
        }
        framed_ += bytes;
        if (!counts_octets_) {
            framed_ += '\n';
        }
        sent_ = 0;
    }
    while (sent_ < framed_.size()) {
        const auto done = sys::send(socket_.get(), std::string_view(framed_).substr(sent_));
        if (!done) {
            return break_off(done.error().code);
        }
        if (done->is_blocked) {
            return Sent::Blocked;
        }
        sent_ += done->size;
    }
    framed_.clear();
    succeed();
    return Sent::Whole;
}

void SyslogLink::succeed() {
    if (error_ != 0 && (is_stream_ || sys::monotonic_now() - failed_at_ >= kQuarantine)) {
        error_ = 0;
    }
}

Sent SyslogLink::lose(int code) {
    error_ = code;
    failed_at_ = sys::monotonic_now();
    if (code != EMSGSIZE) {
        socket_.reset();
        state_ = State::Closed;
    }
    return Sent::Lost;
}

Sent SyslogLink::break_off(int code) {
    socket_.reset();
    state_ = State::Closed;
    framed_.clear();
    if (!is_stream_) {
        return lose(code);
    }
    error_ = code;
    return Sent::Broken;
}

/// A receiver that closed the connection while it was idle: what is sent now would be lost.
void SyslogLink::look() {
    if (!is_stream_ || state_ != State::Open) {
        return;
    }
    std::array<char, 256> ignored{};
    for (;;) {
        const auto got = sys::recv(socket_.get(), ignored);
        if (got && got->is_blocked) {
            return;
        }
        if (!got || got->is_end) {
            socket_.reset();
            state_ = State::Closed;
            framed_.clear();
            return;
        }
    }
}

}  // namespace sluice::logger
