// SPDX-License-Identifier: BSD-2-Clause
// Talk: everything a connection needs while bytes are on it and nothing while it is idle: the
// input page, the head scan, the exchange and its arena, what is still to be sent. Pooled by the
// protocol; a session borrows one from the first byte of a request to the last of its reply.
// Runs in: worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/units.h"
#include "log/lane_log.h"
#include "net/address.h"
#include "net/chain.h"
#include "net/chain_writer.h"
#include "proto/http/core_conf.h"
#include "proto/http/exchange.h"
#include "proto/http1/body_reader.h"
#include "proto/http1/head_scan.h"
#include "proto/http1/outbox.h"

namespace sluice::http1 {

class Session;

class Talk final : public http::Wire {
  public:
    static constexpr std::size_t kPageSize = 4096;
    static constexpr std::size_t kArenaCap = std::size_t{1} << 20;

    Talk();
    Talk(const Talk&) = delete;
    Talk& operator=(const Talk&) = delete;

    void reply_ready(http::Exchange& exchange) override;
    void wake(http::Exchange& exchange) override;
    void cut(http::Exchange& exchange) override;
    void want_body(http::Exchange& exchange) override;
    [[nodiscard]] const net::Address& peer() const override;
    [[nodiscard]] const net::Address& local() const override;
    [[nodiscard]] const net::ProxyHeader* proxied() const override;
    [[nodiscard]] std::uint64_t connection_number() const override;
    [[nodiscard]] std::uint32_t request_number() const override;
    void publish_state() override;
    [[nodiscard]] Millis age() const override;
    [[nodiscard]] std::optional<sys::TcpFacts> tcp() const override;

    /// As taken from the pool, for `session`.
    void attach(Session& session);
    /// As before a request, but for what is received and what is still to be sent. The exchange
    /// has ended.
    void forget_request();
    /// Forgets the connection, after forget_request(); keeps the page and the arena's first block.
    void detach();

    [[nodiscard]] std::string_view input() const { return {page.get() + begin, filled - begin}; }

    /// Input behind what the running request has used so far.
    [[nodiscard]] std::string_view behind_head() const {
        return {page.get() + next, filled - next};
    }

    /// The client waits for 100 before it sends its body.
    [[nodiscard]] bool expects_continue() const;

    [[nodiscard]] std::size_t room() const { return capacity - filled; }

    /// Room for more input behind what is buffered: moves it to the front or to a larger page, of
    /// at most `limit` bytes. Only while no exchange views the page.
    void make_room(std::size_t limit);
    /// Puts bytes that were read elsewhere behind the buffered ones. Only while no exchange runs.
    void put_back(std::string_view bytes);
    /// Copies what `chain` has in the outbox to memory of its own, beside what is saved already.
    void save_chain(const Outbox& outbox);

    /// How often, and how long, the end of a connection looks whether the log is written.
    static constexpr Millis kLogPause{1};
    static constexpr Millis kLogLimit{1000};

    Session* session = nullptr;
    Arena arena{4096, kArenaCap};
    http::Exchange exchange{*this, arena};
    HeadScan scan;
    BodyReader body;

    std::unique_ptr<char[]> page;
    std::size_t capacity = kPageSize;
    std::size_t begin = 0;  ///< first byte of the request that runs or is being received
    std::size_t next = 0;   ///< first byte behind what that request has used so far
    std::size_t filled = 0;
    std::unique_ptr<char[]> leftover;  ///< input behind a chunked body that was read elsewhere
    std::size_t leftover_size = 0;

    net::Chain chain;                    ///< what the kernel has not taken yet
    std::unique_ptr<char[]> large_head;  ///< of a reply, where the outbox is too small
    std::unique_ptr<char[]> saved;  ///< owns memory pieces of `chain` that came from the outbox
    std::size_t saved_size = 0;

    Millis head_started{};
    Millis body_started{};
    Millis reply_started{};          ///< only where a rate is limited
    http::RateLimit rate;            ///< of the reply being sent
    std::string_view memory_left{};  ///< rest of a memory_body that leaves in parts
    std::size_t committed = 0;       ///< bytes of this reply handed to outbox or chain
    std::size_t head_size = 0;
    std::size_t postpone = 0;        ///< fewer bytes wait for more of the body; 0: they do not
    std::uint32_t handled = 0;          ///< requests since the talk was attached
    std::uint32_t reads = 0;            ///< recv calls in this run of the session
    http::Lingering lingering = http::Lingering::On;
    Millis linger_time{};
    Millis linger_timeout{};
    Millis send_timeout{60'000};
    bool resets_on_timeout = false;
    bool is_running = false;        ///< an exchange is between begin and end
    bool is_decided = false;        ///< reply_ready() was called
    bool wants_body = false;        ///< want_body() was called
    bool waits_for_body = false;    ///< the body answered Later
    bool is_cut = false;            ///< the reply cannot be completed
    bool is_body_complete = false;  ///< nothing more will be pulled
    bool is_chunked = false;
    bool is_leaving = false;  ///< `chain` has what must go: it has begun to, or is the body's own
    net::Corking corking = net::Corking::On;
    bool is_throttled = false;   ///< limit_rate holds the body back
    bool has_continued = false;  ///< 100 Continue was sent
    bool closes = false;         ///< this reply is the connection's last
    bool waits_for_log = false;  ///< the end waits until the log is written up to `log_mark`
    log::LogMark log_mark;
    Millis log_limit{};          ///< but no longer than this
    bool has_unread = false;     ///< input that nobody will read: close lingers

  private:
    mutable std::optional<net::Address> peer_;   ///< once asked for
    mutable std::optional<net::Address> local_;  ///< once asked for
};

}  // namespace sluice::http1
