// SPDX-License-Identifier: BSD-2-Clause
// HTTP/1 in one worker.
// Runs in: worker.
#include "proto/http1/protocol.h"

#include <utility>

namespace sluice::http1 {

net::ProtocolKind protocol_kind() {
    return {.name = "http",
            .create = [](net::WorkerContext& worker) -> std::unique_ptr<net::Protocol> {
                return std::make_unique<Http1>(worker);
            }};
}

Http1::Http1(net::WorkerContext& worker)
    : worker_(worker), scratch_(std::make_unique_for_overwrite<char[]>(kScratchSize)) {
    free_talks_.reserve(kKeptTalks);
    if (worker.station != nullptr) {
        meter_ = http::Meter(*worker.station);
        connection_rows_ = worker.station->counters(net::kConnectionRows);
    }
}

Http1::~Http1() {
    stop();
}

void Http1::accept(net::Accepted connection) {
    Session* const session =
        sessions_.make(*this, worker_.loop, std::move(connection.fd), connection.peer,
                       connection.listener, worker_.next_connection_number++);
    connection_rows_.add(session->counted_as());
    note_idle(*session);
    if (!session->adopt()) {
        destroy(*session);
        return;
    }
    if (session->port().has_proxy_header) {
        session->expect_proxy_header();
    }
    session->run();
}

void Http1::generation_changed() {
    // A running exchange keeps its own generation; its session adopts at the next request.
    idle_.each([](Session& session) { static_cast<void>(session.adopt()); });
}

void Http1::stop() {
    while (!idle_.empty()) {
        destroy(idle_.front());
    }
    while (!busy_.empty()) {
        destroy(busy_.front());
    }
}

std::size_t Http1::shed_idle(std::size_t count) {
    std::size_t shed = 0;
    for (; shed < count && !idle_.empty() && idle_.front().may_be_shed(); ++shed) {
        destroy(idle_.front());
    }
    return shed;
}

Talk& Http1::take_talk(Session& session) {
    std::unique_ptr<Talk> talk;
    if (free_talks_.empty()) {
        talk = std::make_unique<Talk>();
    } else {
        talk = std::move(free_talks_.back());
        free_talks_.pop_back();
    }
    talk->attach(session);
    return *talk.release();  // owned by the session until give_back()
}

void Http1::give_back(Talk& talk) {
    std::unique_ptr<Talk> owned(&talk);
    talk.detach();
    if (free_talks_.size() < kKeptTalks) {
        free_talks_.push_back(std::move(owned));
    }
}

void Http1::destroy(Session& session) {
    session.abandon();
    connection_rows_.subtract(session.counted_as());
    sessions_.destroy(&session);
}

}  // namespace sluice::http1
