// SPDX-License-Identifier: BSD-2-Clause
// Attempts: taking a peer, judging it, giving it back.
// Runs in: worker.
#include "upstream/attempt.h"

#include <algorithm>

#include "base/bug.h"
#include "log/log.h"

namespace sluice::upstream {

namespace {

/// Averages move by 1/8 of the difference to each new value, in 1/1024 ms.
constexpr std::int64_t kAverageUnit = 1024;
constexpr std::int64_t kAverageShare = 8;

void average(SharedWord<std::int64_t>& word, Millis value) {
    const std::int64_t fresh = std::max<std::int64_t>(value.count(), 0) * kAverageUnit + 1;
    const std::int64_t old = word.get();
    word.set(old == 0 ? fresh : old + (fresh - old) / kAverageShare);
}

void record(PeerLatency& latency, Millis value) {
    latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0)));
}

}  // namespace

void Attempt::begin(Group& group, const AttemptSubject& subject, Millis now) {
    reset();
    group_ = &group;
    set_ = group.peers(now);
    tell_ = subject.tell;
    tries_left_ = set_->tries;
    pick_.emplace(Pick{.set = *set_,
                       .tier = &set_->peers,
                       .tried = {},
                       .now = now,
                       .subject = subject.subject,
                       .arena = subject.arena,
                       .client = subject.client});
    pick_->tried.prepare(set_->peers.size(), subject.arena);
}

void Attempt::reset() {
    if (is_counted_) {
        give_back(times_.began, Verdict::None);
    }
    peer_.reset();
    pick_.reset();
    set_.reset();
    group_ = nullptr;
}

// ---- taking ----

const Peer* Attempt::next(Millis now) {
    BUG_UNLESS(pick_ && !is_counted_, "an attempt that has a peer asks for the next one");
    Pick& pick = *pick_;
    pick.now = now;
    times_ = {.began = now};
    Balancer& balancer = group_->balancer();
    if (!pick.is_begun) {
        balancer.begin(pick);
        pick.is_begun = true;
    }
    if (!take_best(balancer, now)) {
        tell(log::Level::Error, "no live upstreams");
        peer_.reset();
        return nullptr;
    }
    return peer_.get();
}

bool Attempt::take_best(Balancer& balancer, Millis now) {
    Pick& pick = *pick_;
    const PeerStore::Lock lock(group_->store());
    std::size_t index = pick.tier->empty() ? kNoPeer : balancer.pick(pick);
    if (index == kNoPeer && pick.tier == &set_->peers && !set_->backup.empty()) {
        pick.tier = &set_->backup;
        pick.tried.prepare(set_->backup.size(), pick.arena);
        index = balancer.pick(pick);
    }
    if (index == kNoPeer) {
        group_->state().no_peer.add(1);
        return false;
    }
    pick.tried.add(index);
    peer_ = (*pick.tier)[index];
    take(*peer_, now);
    return true;
}

void Attempt::take(const Peer& peer, Millis now) {
    PeerState& state = *peer.state;
    // The one that is tried after its time-out is tried alone until it has answered.
    if (now.count() - state.checked.get() > peer.fail_timeout.count()) {
        state.checked.set(now.count());
    }
    state.selected.add(1);
    state.last_selected.set(now.count());
    group_->store().enter(state, peer.index_in_store, now);
    is_counted_ = true;
}

// ---- giving back ----

void Attempt::succeed(Millis now) {
    give_back(now, Verdict::Good);
}

void Attempt::fail(Millis now) {
    give_back(now, Verdict::Bad);
}

void Attempt::pass_on(Millis now) {
    give_back(now, Verdict::None);
}

void Attempt::release(Millis now) {
    give_back(now, Verdict::None);
}

void Attempt::give_back(Millis now, Verdict verdict) {
    if (!is_counted_) {
        return;
    }
    is_counted_ = false;
    tries_left_ -= tries_left_ > 0 ? 1 : 0;
    PeerState& state = *peer_->state;
    std::string_view news;
    bool is_back = false;
    {
        PeerStore& store = group_->store();
        const PeerStore::Lock lock(store);
        store.leave(state, peer_->index_in_store, times_.began);
        measure(state);
        if (verdict == Verdict::Bad) {
            news = judge_bad(state, now);
        } else if (verdict == Verdict::Good) {
            average(state.last_byte_average, now - times_.began);
            is_back = judge_good(state, now);
        }
    }
    if (!news.empty()) {
        tell(log::Level::Warn, news);
    }
    if (is_back) {
        tell_back();
    }
}

void Attempt::prove(Millis now) {
    PeerState& state = *peer_->state;
    if (!is_counted_ || state.fails.get() == 0) {
        return;
    }
    bool is_back = false;
    {
        const PeerStore::Lock lock(group_->store());
        is_back = judge_good(state, now);
    }
    if (is_back) {
        tell_back();
    }
}

void Attempt::tell_back() const {
    log::write(log::Level::Notice, "upstream server {} of \"{}\" answers again", peer_->name,
               group_->name());
}

std::string_view Attempt::judge_bad(PeerState& state, Millis now) {
    state.failures.add(1);
    if (set_->is_single()) {
        tries_left_ = 0;
        return {};
    }
    const Peer& peer = *peer_;
    state.fails.add(1);
    state.accessed.set(now.count());
    state.checked.set(now.count());
    if (peer.max_fails == 0) {
        return {};
    }
    const std::int64_t lighter = state.effective_weight.get() - peer.weight / peer.max_fails;
    state.effective_weight.set(std::max<std::int64_t>(lighter, 0));
    if (state.fails.get() < peer.max_fails) {
        return {};
    }
    state.times_disabled.add(1);
    state.is_disabled.set(1);
    return "upstream server temporarily disabled";
}

bool Attempt::judge_good(PeerState& state, Millis now) {
    if (state.accessed.get() >= state.checked.get()) {
        return false;  // nothing was held against it, or it is not on trial
    }
    state.fails.set(0);
    if (state.is_disabled.get() == 0) {
        return false;
    }
    state.is_disabled.set(0);
    state.recovered.set(now.count());
    return true;
}

void Attempt::measure(PeerState& state) const {
    if (times_.connected.count() != 0) {
        const Millis took = times_.connected - times_.began;
        average(state.connect_average, took);
        record(state.connect_time, took);
    }
    if (times_.first_byte.count() != 0) {
        const Millis took = times_.first_byte - times_.began;
        average(state.first_byte_average, took);
        record(state.first_byte_time, took);
    }
}

void Attempt::count(std::uint64_t sent, std::uint64_t received) {
    if (!peer_) {
        return;
    }
    if (sent != 0) {
        peer_->state->sent.add_alone(sent);
    }
    if (received != 0) {
        peer_->state->received.add_alone(received);
    }
}

void Attempt::tell(log::Level level, std::string_view text) const {
    if (tell_ != nullptr) {
        tell_(pick_->subject, level, text);
    }
}

}  // namespace sluice::upstream
