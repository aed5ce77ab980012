// SPDX-License-Identifier: BSD-2-Clause
// Session: the header of the PROXY protocol, which comes before the first request where the
// listener says so. No other connection ever gets here.
// Runs in: worker.
#include <utility>

#include "log/log.h"
#include "proto/http1/protocol.h"
#include "proto/http1/session.h"
#include "proto/http1/talk.h"

namespace sluice::http1 {

// Nothing is answered where it is broken: who sends it is no client.
Step Session::step_proxy() {
    if (talk_ == nullptr) {
        talk_ = &protocol_.take_talk(*this);
        protocol_.note_busy(*this);
    }
    Talk& talk = *talk_;
    net::ProxyHeader header;
    const net::ProxyReading reading = net::read_proxy_header(talk.input(), header);
    if (reading.outcome == net::ProxyOutcome::More) {
        const Step step = receive_head(net::kMostProxyHeader);
        if (step == Step::Wait && talk.filled == 0) {
            protocol_.give_back(talk);
            talk_ = nullptr;
            protocol_.note_idle(*this);
        }
        return step;
    }
    if (reading.outcome == net::ProxyOutcome::Broken) {
        log::write(generation_->is_compat() ? log::Level::Error : log::Level::Info,
                   "{}: \"{}\" while reading PROXY protocol, client: {}, server: {}",
                   reading.complaint, log::Escaped{net::shown_header(talk.input())}, peer().host(), port_->key);
        return destroy();
    }
    if (reading.outcome == net::ProxyOutcome::Told) {
        proxied_ = std::make_unique<net::ProxyHeader>(std::move(header));
    }
    talk.begin = talk.next = reading.size;
    if (talk.begin < talk.filled) {
        talk.head_started = loop().now();
        go(State::Head);
        return Step::Again;
    }
    talk.begin = talk.next = talk.filled = 0;
    go(State::Idle);
    return Step::Again;
}

}  // namespace sluice::http1
