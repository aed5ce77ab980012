// SPDX-License-Identifier: BSD-2-Clause
// Client: its peer. A handler connects, perhaps several times, and then hands both connections to
// the relay.
// Runs in: worker.
#include <utility>

#include "proto/tcp/client.h"
#include "proto/tcp/protocol.h"

namespace sluice::tcp {

namespace {

stream::RelayEnd meaning_of(RelayEnd end) {
    switch (end) {
        case RelayEnd::ClientFailed:
            return stream::RelayEnd::ClientFailed;
        case RelayEnd::UpstreamFailed:
            return stream::RelayEnd::PeerFailed;
        case RelayEnd::TimedOut:
            return stream::RelayEnd::TimedOut;
        case RelayEnd::NoMemory:
            return stream::RelayEnd::ClientFailed;
        case RelayEnd::ClientClosed:
            return stream::RelayEnd::ClientEnded;
        case RelayEnd::UpstreamClosed:
            return stream::RelayEnd::PeerEnded;
    }
    return stream::RelayEnd::PeerEnded;
}

}  // namespace

void Client::connect(const net::Address& peer,
                     const net::ConnectOptions& options,
                     const stream::ConnectPlan& plan) {
    connect_plan_ = plan;
    peer_.reset();
    if (!has_peer_) {
        has_peer_ = true;
        protocol_.note_peer();
    }
    connector_.owner = this;
    connector_.on_done = [](net::Connector& connector, const net::ConnectOutcome& outcome) {
        auto& self = *static_cast<Client*>(connector.owner);
        self.session_.catch_up();
        self.connect_plan_.on_done(self.connect_plan_.owner, self.session_, outcome);
    };
    connector_.start(peer_, peer, options);
}

void Client::relay(const stream::RelayPlan& plan) {
    relay_plan_ = plan;
    go(State::Relaying);
    wake();
}

void Client::start_relay() {
    if (relay_) {
        return;  // it has the connections, and is not done
    }
    if (!client_.watch()) {
        return relay_ended({.end = RelayEnd::NoMemory});
    }
    relay_.emplace(protocol_.pools(), RelayOptions{.idle_timeout = relay_plan_.idle,
                                                   .buffer_size = relay_plan_.buffer_size,
                                                   .upload_rate = relay_plan_.upload_rate,
                                                   .download_rate = relay_plan_.download_rate,
                                                   .is_half_close = relay_plan_.keeps_half_open});
    relay_->owner = this;
    relay_->on_end = [](Relay& relay, const RelayOutcome& outcome) {
        static_cast<Client*>(relay.owner)->relay_ended(outcome);
    };
    relay_->start(client_, *peer_, {.header = relay_plan_.head, .client = preread()});
    relay_plan_.head = {};
}

/// Brings the session's figures up to date.
void Client::count_relay() {
    if (!relay_) {
        return;
    }
    const RelayCounts counts = relay_->counts();
    // What was preread is counted in both.
    session_.received += counts.from_client - preread().size();
    session_.sent += counts.to_client;
    if (stream::Try* const attempt = session_.last_try; attempt != nullptr) {
        attempt->received = counts.from_upstream;
        attempt->sent = counts.to_upstream;
        if (const auto first = relay_->first_byte()) {
            attempt->first_byte = *first - started_;
        }
    }
    begin_ = end_ = 0;
    relay_.reset();
}

void Client::relay_ended(const RelayOutcome& outcome) {
    count_relay();
    session_.catch_up();
    const std::uint16_t status = relay_plan_.on_end(relay_plan_.owner, session_,
                                                    meaning_of(outcome.end), outcome.error);
    static_cast<void>(conclude(status));
}

}  // namespace sluice::tcp
