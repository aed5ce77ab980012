// SPDX-License-Identifier: BSD-2-Clause
// Attempt: what one exchange or session uses to find its peer: begin with a group, next() until one
// answers, then succeed() or fail(). It remembers who was tried, counts the connection and gives it
// back even where the session is destroyed midway. It lies in the session and allocates nothing.
//
//     attempt.begin(use.group(), {.subject = this, .arena = arena_, .client = peer_}, now);
//     while (const upstream::Peer* peer = attempt.next(now)) {
//         … connect to peer->address …
//         attempt.connected(now);  // then first_byte(now), count(sent, received)
//         attempt.succeed(now);    // or:
//         attempt.fail(now);
//         if (!attempt.may_retry()) { break; }
//     }
//
// Runs in: worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/units.h"
#include "log/level.h"
#include "net/address.h"
#include "upstream/balancer.h"
#include "upstream/group.h"

namespace sluice::upstream {

/// What an attempt is made for.
struct AttemptSubject {
    /// Writes a line about `subject`, which adds its own context: `text` is "no live upstreams" or
    /// "upstream server temporarily disabled", to be followed by " while connecting to upstream,
    /// …".
    using Tell = void (*)(const void* subject, log::Level level, std::string_view text);

    const void* subject = nullptr;  ///< session or exchange; what keys of `hash` are rendered for
    Arena& arena;                   ///< the subject's
    const net::Address& client;     ///< of the subject; lives as long as the attempt
    Tell tell = nullptr;            ///< null: says nothing
};

/// When things happened, on the monotonic clock; 0: not yet.
struct AttemptTimes {
    Millis began{0};  ///< next()
    Millis connected{0};
    Millis first_byte{0};
};

class Attempt {
  public:
    Attempt() = default;

    /// Gives back what is counted.
    ~Attempt() { reset(); }

    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    /// Starts with nobody tried. `group` and everything in `subject` outlive the attempt, or its
    /// next reset().
    void begin(Group& group, const AttemptSubject& subject, Millis now);
    /// Forgets everything; a peer that is in use is given back without a verdict.
    void reset();

    [[nodiscard]] bool is_begun() const { return pick_.has_value(); }

    /// The next peer to ask, counted as in use from here on; null where nobody is left, which
    /// `tell` says as nginx does. Needs: the peer before was given back.
    /// Lives: the peer until the next next(), begin() or reset().
    [[nodiscard]] const Peer* next(Millis now);

    /// The peer in use, or null.
    [[nodiscard]] const Peer* peer() const { return is_counted_ ? peer_.get() : nullptr; }

    /// The peer asked last, in use or not; null before the first.
    [[nodiscard]] const Peer* last_peer() const { return peer_.get(); }

    /// For messages: the group's name.
    [[nodiscard]] std::string_view group_name() const { return group_->name(); }

    // ---- what happens at the peer ----

    void connected(Millis now) { times_.connected = now; }

    /// It can be asked again although it is still in use: where a connection alone proves that
    /// (stream), others need not wait for this one's end.
    void prove(Millis now);

    void first_byte(Millis now) {
        times_.first_byte = times_.first_byte.count() == 0 ? now : times_.first_byte;
    }

    [[nodiscard]] const AttemptTimes& times() const { return times_; }

    /// Adds bytes to the peer's figures: now and then, or at the end.
    void count(std::uint64_t sent, std::uint64_t received);

    // ---- how it ended; each gives the peer back ----

    /// It answered and did what it should.
    void succeed(Millis now);
    /// It did not: counts against it, and max_fails may take it out for fail_timeout.
    void fail(Millis now);
    /// It answered, but another one is asked (next_upstream on http_404): no verdict, one try less.
    void pass_on(Millis now);
    /// The subject ended first: no verdict.
    void release(Millis now);

    /// Whether one more peer may be asked after fail() or pass_on().
    [[nodiscard]] bool may_retry() const { return tries_left_ > 0; }

    /// At most `tries` peers altogether (proxy_next_upstream_tries); 0: as many as there are.
    void limit_tries(std::uint32_t tries) {
        tries_left_ = tries != 0 && tries < tries_left_ ? tries : tries_left_;
    }

  private:
    enum class Verdict : std::uint8_t { None, Good, Bad };

    void give_back(Millis now, Verdict verdict);
    [[nodiscard]] bool take_best(Balancer& balancer, Millis now);
    void take(const Peer& peer, Millis now);
    /// With the lock held; gives what is to be said, or nothing.
    [[nodiscard]] std::string_view judge_bad(PeerState& state, Millis now);
    [[nodiscard]] static bool judge_good(PeerState& state, Millis now);
    void measure(PeerState& state) const;
    void tell_back() const;
    void tell(log::Level level, std::string_view text) const;

    Group* group_ = nullptr;
    PeerSetRef set_;
    PeerRef peer_;
    std::optional<Pick> pick_;
    AttemptSubject::Tell tell_ = nullptr;
    AttemptTimes times_;
    std::uint32_t tries_left_ = 0;
    bool is_counted_ = false;  ///< peer_ is counted as in use
};

}  // namespace sluice::upstream
