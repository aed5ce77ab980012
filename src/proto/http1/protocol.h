// SPDX-License-Identifier: BSD-2-Clause
// Http1: the protocol object of HTTP/1 in one worker: its sessions, their pooled talks, the outbox
// and the head writer that all of them share.
// Runs in: worker.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/list.h"
#include "base/slab.h"
#include "net/connection_rows.h"
#include "net/protocol.h"
#include "proto/http/meter.h"
#include "proto/http1/head_writer.h"
#include "proto/http1/outbox.h"
#include "proto/http1/session.h"
#include "proto/http1/talk.h"

namespace sluice::http1 {

/// One line of the registry's list of wires.
[[nodiscard]] net::ProtocolKind protocol_kind();

/// What a connection is given that only pretends to have a client: `sluice explain`.
struct Rehearsal {
    http::Trace* trace = nullptr;  ///< of its exchanges
    net::Address local;            ///< the address that it pretends to have come in on
};

class Http1 final : public net::Protocol {
  public:
    explicit Http1(net::WorkerContext& worker);
    ~Http1() override;
    Http1(const Http1&) = delete;
    Http1& operator=(const Http1&) = delete;

    void accept(net::Accepted connection) override;
    void generation_changed() override;

    void retire() override {}  // replies say Connection: close from now on; see Session

    void stop() override;

    [[nodiscard]] std::size_t connections() const override { return sessions_.live(); }

    std::size_t shed_idle(std::size_t count) override;

    /// From now on every connection is a rehearsal; the worker's are none. `rehearsal` outlives them.
    void rehearse(const Rehearsal& rehearsal) { rehearsal_ = &rehearsal; }

    // For sessions.
    [[nodiscard]] const Rehearsal* rehearsal() const { return rehearsal_; }

    [[nodiscard]] net::WorkerContext& worker() { return worker_; }

    [[nodiscard]] Outbox& outbox() { return outbox_; }

    [[nodiscard]] HeadWriter& head_writer() { return head_writer_; }

    /// Memory for input that is dropped at once.
    [[nodiscard]] std::span<char> scratch() { return {scratch_.get(), kScratchSize}; }

    [[nodiscard]] Talk& take_talk(Session& session);
    void give_back(Talk& talk);
    void destroy(Session& session);

    [[nodiscard]] http::Meter& meter() { return meter_; }

    [[nodiscard]] metrics::Counters<net::ConnectionRow>& connection_rows() {
        return connection_rows_;
    }

    void note_idle(Session& session) { idle_.push_back(session); }

    void note_busy(Session& session) { busy_.push_back(session); }

  private:
    static constexpr std::size_t kScratchSize = 64 * 1024;
    static constexpr std::size_t kKeptTalks = 256;

    net::WorkerContext& worker_;
    http::Meter meter_;
    metrics::Counters<net::ConnectionRow> connection_rows_;
    Slab<Session> sessions_;
    IntrusiveList<Session, SessionLink> idle_;  // longest idle first
    IntrusiveList<Session, SessionLink> busy_;
    std::vector<std::unique_ptr<Talk>> free_talks_;
    Outbox outbox_;
    HeadWriter head_writer_;
    std::unique_ptr<char[]> scratch_;
    const Rehearsal* rehearsal_ = nullptr;
};

}  // namespace sluice::http1
