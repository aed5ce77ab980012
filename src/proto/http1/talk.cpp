// SPDX-License-Identifier: BSD-2-Clause
// Talk.
// Runs in: worker.
#include "proto/http1/talk.h"

#include <algorithm>
#include <cstring>

#include "base/ascii.h"
#include "proto/http1/protocol.h"
#include "proto/http1/session.h"
#include "sys/socket.h"

namespace sluice::http1 {

Talk::Talk() : page(std::make_unique_for_overwrite<char[]>(kPageSize)) {}

void Talk::reply_ready(http::Exchange&) {
    is_decided = true;
    session->yield();
}

void Talk::wake(http::Exchange&) {
    waits_for_body = false;
    session->yield();
}

void Talk::cut(http::Exchange&) {
    is_cut = true;
    session->yield();
}

void Talk::want_body(http::Exchange&) {
    wants_body = true;
    if (session->state() == State::Deciding) {
        session->yield();
    }
}

bool Talk::expects_continue() const {
    const http::Request& request = exchange.request;
    const std::string_view expect = request.get(http::Field::Expect);
    return expect.data() != nullptr && request.version == http::Version::Http11 &&
           equals_ignoring_case(expect, "100-continue");
}

const net::Address& Talk::peer() const {
    if (!peer_) {
        peer_.emplace(session->peer());
    }
    return *peer_;
}

const net::Address& Talk::local() const {
    if (local_) {
        return *local_;
    }
    if (session->rehearsal() != nullptr) {
        return local_.emplace(session->rehearsal()->local);
    }
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (sys::local_address(session->fd, &storage, &size)) {
        return local_.emplace(net::Address::from_kernel(storage, size));
    }
    return local_.emplace();
}

std::uint64_t Talk::connection_number() const {
    return session->number();
}

std::uint32_t Talk::request_number() const {
    return session->requests();
}

const net::ProxyHeader* Talk::proxied() const {
    return session->proxied();
}

void Talk::publish_state() {
    session->publish_state();
}

Millis Talk::age() const {
    return session->age();
}

std::optional<sys::TcpFacts> Talk::tcp() const {
    const auto facts = sys::tcp_facts(session->fd);
    return facts ? std::optional(*facts) : std::nullopt;
}

void Talk::attach(Session& the_session) {
    session = &the_session;
    reads = 0;
    resets_on_timeout = false;
    send_timeout = Millis(60'000);
    peer_.reset();
    local_.reset();
}

void Talk::forget_request() {
    arena.reset();
    scan = HeadScan();
    is_running = is_decided = wants_body = waits_for_body = is_body_complete = is_chunked = false;
    has_continued = is_throttled = is_leaving = is_cut = false;
    rate = {};
    committed = head_size = 0;
}

void Talk::detach() {
    session = nullptr;
    if (capacity != kPageSize) {
        page = std::make_unique_for_overwrite<char[]>(kPageSize);
        capacity = kPageSize;
    }
    begin = next = filled = 0;
    leftover.reset();
    leftover_size = 0;
    chain.clear();
    saved.reset();
    handled = 0;
    waits_for_log = false;
    closes = has_unread = false;
    large_head.reset();
}

void Talk::make_room(std::size_t limit) {
    const std::size_t size = filled - begin;
    if (begin > 0) {
        std::memmove(page.get(), page.get() + begin, size);
    } else if (capacity < limit) {
        const std::size_t larger = std::min(capacity * 2, limit);
        auto grown = std::make_unique_for_overwrite<char[]>(larger);
        std::memcpy(grown.get(), page.get(), size);
        page = std::move(grown);
        capacity = larger;
    }
    begin = 0;
    filled = size;
}

void Talk::put_back(std::string_view bytes) {
    while (room() < bytes.size()) {
        make_room(capacity * 2);
    }
    std::memcpy(page.get() + filled, bytes.data(), bytes.size());
    filled += bytes.size();
}

void Talk::save_chain(const Outbox& outbox) {
    const std::string_view old(saved.get(), saved == nullptr ? 0 : saved_size);
    std::size_t size = 0;
    bool is_needed = false;
    const auto is_ours = [&](const net::Piece& piece) {
        const bool is_saved = piece.data >= old.data() && piece.data < old.data() + old.size();
        return !piece.is_file() && (is_saved || outbox.owns(piece.data));
    };
    for (std::size_t i = 0; i < chain.size(); ++i) {
        is_needed = is_needed || outbox.owns(chain[i].data);
        size += is_ours(chain[i]) ? chain[i].size : 0;
    }
    if (!is_needed) {
        return;
    }
    auto copies = std::make_unique_for_overwrite<char[]>(size);
    char* at = copies.get();
    net::Chain moved;
    for (std::size_t i = 0; i < chain.size();) {
        if (!is_ours(chain[i])) {
            static_cast<void>(moved.push(chain[i++]));  // there are no more than before
            continue;
        }
        char* const first = at;  // neighbours become one piece
        for (; i < chain.size() && is_ours(chain[i]); ++i) {
            at = std::copy_n(chain[i].data, chain[i].size, at);
        }
        static_cast<void>(moved.push_memory({first, static_cast<std::size_t>(at - first)}));
    }
    chain = moved;
    saved = std::move(copies);
    saved_size = size;
}

}  // namespace sluice::http1
