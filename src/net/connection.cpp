// SPDX-License-Identifier: BSD-2-Clause
// Connection: edges to bits, bits to calls.
// Runs in: worker.
#include "net/connection.h"

#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include "sys/splice.h"

namespace sluice::net {

Connection::Connection(event::Loop& loop,
                       sys::UniqueFd socket,
                       const Address& peer,
                       ListenerId listener)
    : loop_(loop), peer_(peer), listener_(listener) {
    fd = socket.release();
    on_ready = [](event::Pollable& pollable, std::uint32_t events) {
        auto& self = static_cast<Connection&>(pollable);
        self.note(events);
        self.on_event(self);
    };
    fire = [](event::Timer& timer) {
        auto& self = static_cast<Connection&>(timer);
        self.on_deadline(self);
    };
    run = [](event::Posted& posted) {
        auto& self = static_cast<Connection&>(posted);
        self.clear(kPutOff | kLeaving);
        self.on_event(self);
    };
}

Result<> Connection::watch() {
    if (is_watched()) {
        return {};
    }
    TRY(loop_.watch(*this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET));
    set(kWatched);
    return {};
}

void Connection::assume(bool is_readable, bool is_writable) {
    clear(kReadable | kWritable);
    set(static_cast<std::uint8_t>((is_readable ? kReadable : 0) | (is_writable ? kWritable : 0)));
}

// An error or a hang-up is learnt by reading or writing, so both are worth trying then.
void Connection::note(std::uint32_t events) {
    const bool is_news = (bits_ & (kHangUp | kTold)) == kTold;
    clear(kHangUp | kLeaving);
    set(kTold);
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        set(kHangUp | kReadable);
        if (is_news || (events & (EPOLLHUP | EPOLLERR)) != 0) {
            set(kLeaving);
        }
    }
    if ((events & EPOLLIN) != 0) {
        set(kReadable);
    }
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        set(kWritable);
    }
}

void Connection::look_for_fin() {
    if ((bits_ & kTold) != 0) {
        return;
    }
    std::array<char, 1> byte{};
    const Result<sys::Transfer> peeked = sys::recv(fd, byte, MSG_PEEK);
    if (peeked && peeked->is_blocked) {
        set(kTold);
    }
}

Result<sys::Transfer> Connection::recv(std::span<char> into) {
    const sys::Transfer transfer = TRY(sys::recv(fd, into));
    if (transfer.is_end) {
        set(kEnd);
        clear(kReadable);
    } else if (transfer.is_blocked) {
        clear(kReadable);
    } else if (transfer.size < into.size() && (bits_ & kHangUp) == 0) {
        clear(kReadable);
    }
    return transfer;
}

// The kernel has looked for room in vain before it sends less than asked, so the edge will come.
Result<sys::Transfer> Connection::send(std::span<const char> bytes) {
    const sys::Transfer transfer = TRY(sys::send(fd, bytes));
    if (transfer.size < bytes.size()) {
        clear(kWritable);
    }
    return transfer;
}

Result<sys::Transfer> Connection::splice_in(int pipe, std::size_t size) {
    const sys::Transfer transfer = TRY(sys::splice(fd, pipe, size));
    if (transfer.is_end) {
        set(kEnd);
        clear(kReadable);
    } else if (transfer.is_blocked) {
        clear(kReadable);
    }
    return transfer;
}

Result<sys::Transfer> Connection::splice_out(int pipe, std::size_t size) {
    const sys::Transfer transfer = TRY(sys::splice(pipe, fd, size));
    if (transfer.is_blocked) {
        clear(kWritable);
    }
    return transfer;
}

Written Connection::write(Chain& chain, Corking corking) {
    const bool is_small = chain.bytes() <= kSmallWrite;
    const std::size_t budget = is_small ? kSmallWrite : loop_.take_share(kWriteBudget);
    if (budget == 0) {
        set(kPutOff);
        loop_.post_first(*this);
        return {.outcome = Written::Outcome::Yield, .error = {}};
    }
    const Written written = write_chain(fd, chain, budget, corking);
    if (!is_small) {
        loop_.return_share(budget - written.bytes);
    }
    if (written.outcome == Written::Outcome::Blocked) {
        clear(kWritable);
    } else if (written.outcome == Written::Outcome::Yield) {
        set(kPutOff);
        yield();
    }
    return written;
}

void Connection::yield() {
    loop_.post(*this);
}

void Connection::yield_first() {
    loop_.post_first(*this);
}

void Connection::resume(PauseReason reason) {
    paused_ = static_cast<std::uint8_t>(paused_ & ~static_cast<std::uint8_t>(reason));
    if (is_readable()) {
        yield();
    }
}

void Connection::set_nodelay(bool on) {
    (void)sys::set_option(fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);  // fails on Unix sockets
}

void Connection::limit_unsent(std::size_t most) {
    (void)sys::set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(most));
}

void Connection::skip_pacing() {
    if (peer_.is_loopback()) {
        (void)sys::set_congestion_control(fd, "reno");
    }
}

Result<> Connection::shutdown_write() {
    return sys::shutdown(fd, SHUT_WR);
}

Drain Connection::discard(std::span<char> scratch, std::size_t budget) {
    for (std::size_t taken = 0; taken < budget;) {
        if ((bits_ & kEnd) != 0) {
            return Drain::Ended;
        }
        if ((bits_ & kReadable) == 0) {
            return Drain::Waiting;
        }
        const Result<sys::Transfer> transfer = recv(scratch);
        if (!transfer || transfer->is_end) {
            return Drain::Ended;
        }
        taken += transfer->size;
    }
    yield();
    return Drain::Yield;
}

sys::UniqueFd Connection::release() {
    clear_deadline();
    event::Posted::unlink();
    if (is_watched()) {
        loop_.forget(*this);
    }
    bits_ = kEnd;
    return sys::UniqueFd(std::exchange(fd, -1));
}

void Connection::close() {
    if (!is_open()) {
        return;
    }
    clear_deadline();
    event::Posted::unlink();
    if (is_watched()) {
        loop_.forget_before_close(*this);
    }
    sys::close_fd(std::exchange(fd, -1));
    bits_ = kEnd;
}

void Connection::reset() {
    if (is_open()) {
        (void)sys::set_reset_on_close(fd);  // fails where it has no meaning (Unix sockets)
        close();
    }
}

}  // namespace sluice::net
