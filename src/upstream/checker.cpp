// SPDX-License-Identifier: BSD-2-Clause
// Checking, again and again.
// Runs in: worker.
#include "upstream/checker.h"

#include <algorithm>
#include <array>

#include "log/log.h"
#include "upstream/endpoint.h"

namespace sluice::upstream {

namespace {

net::Address checked_address(const Peer& peer, std::uint16_t port) {
    if (port == 0 || peer.address.is_unix()) {
        return peer.address;
    }
    std::array<char, net::kMaxHostText> room{};
    return address_of(peer.address.print_host(room), port).value_or(peer.address);
}

}  // namespace

Checker::Checked::Checked(Checker& owner, PeerRef checked)
    : checker(owner),
      peer(std::move(checked)),
      address(checked_address(*peer, owner.spec_.port)),
      probe(owner.loop_, owner.spec_, this, [](void* self, std::string_view why) {
          Checked& one = *static_cast<Checked*>(self);
          one.checker.on_verdict(one, why);
      }) {
    fire = [](event::Timer& timer) {
        Checked& one = static_cast<Checked&>(timer);
        one.checker.start(one);
    };
}

Checker::Checker(event::Loop& loop, Group& group)
    : loop_(loop),
      group_(group),
      spec_(*group.spec().check),
      random_(static_cast<std::uint64_t>(loop.now().count()) | 1) {
    follow(loop.now());
}

Checker::~Checker() = default;

void Checker::follow(Millis now) {
    const PeerSetRef& current = group_.peers(now);
    if (set_.get() == current.get()) {
        return;
    }
    set_ = current;
    checked_.clear();
    for (const PeerSet::Peers* tier : {&set_->peers, &set_->backup}) {
        for (const PeerRef& peer : *tier) {
            if (peer->is_down) {
                continue;
            }
            checked_.push_back(std::make_unique<Checked>(*this, peer));
            // One that was checked lately, by another worker or before a reload, has its rest
            // first.
            const Millis due = Millis(peer->state->last_check.get()) + spec_.interval;
            const bool was_checked = peer->state->last_check.get() != 0;
            loop_.timers().arm(*checked_.back(), was_checked ? due : now);
        }
    }
}

void Checker::start(Checked& checked) {
    checked.probe.start(checked.address);
}

void Checker::on_verdict(Checked& checked, std::string_view why) {
    const Millis now = loop_.now();
    if (const Error& trouble = checked.probe.trouble(); trouble.code != 0) {
        // Our own want of descriptors says nothing of the peer: all would be left out at once.
        if (troubles_.ask(now)) {
            log::write(log::Level::Crit, "{}, peer {} in upstream \"{}\" is not checked",
                       log::Failure{trouble}, checked.peer->name, group_.name());
        }
        loop_.arm(checked, pause());
        return;
    }
    PeerState& state = *checked.peer->state;
    bool has_changed = false;
    {
        const PeerStore::Lock lock(group_.store());
        has_changed = note(state, why.empty(), now);
    }
    if (has_changed) {
        tell(checked, why);
    }
    loop_.arm(checked, pause());
}

/// Gives whether the peer's health is another now.
bool Checker::note(PeerState& state, bool has_passed, Millis now) const {
    state.checks.add(1);
    state.last_check.set(now.count());
    const Health before = state.health.get();
    if (has_passed) {
        state.check_fails.set(0);
        state.check_passes.add(1);
        if (before == Health::Healthy || state.check_passes.get() < spec_.passes) {
            return false;
        }
        state.health.set(Health::Healthy);
        if (before == Health::Unhealthy) {
            state.recovered.set(now.count());
        }
        return before == Health::Unhealthy;
    }
    state.failed_checks.add(1);
    state.check_passes.set(0);
    state.check_fails.add(1);
    const bool is_first = state.check_fails.get() == spec_.fails;
    if (state.check_fails.get() < spec_.fails || (before == Health::Unhealthy && !is_first)) {
        return false;
    }
    state.health.set(Health::Unhealthy);
    state.times_unhealthy.add(is_first ? 1 : 0);
    return is_first;
}

void Checker::tell(const Checked& checked, std::string_view why) const {
    const std::string_view port = spec_.port != 0 ? " at the check's own port" : "";
    if (why.empty()) {
        log::write(log::Level::Notice,
                   "peer is healthy, health check{} of peer {} in upstream \"{}\"", port,
                   checked.peer->name, group_.name());
    } else {
        log::write(
            log::Level::Warn,
            "peer is unhealthy while {}, health check \"{}\"{} of peer {} in upstream \"{}\"", why,
            spec_.name, port, checked.peer->name, group_.name());
    }
}

Millis Checker::pause() {
    if (spec_.jitter.count() == 0) {
        return spec_.interval;
    }
    random_ = random_ * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;  // Knuth's MMIX
    const auto part = static_cast<std::int64_t>(random_ >> 33) % (spec_.jitter.count() + 1);
    return spec_.interval + Millis(part);
}

}  // namespace sluice::upstream
