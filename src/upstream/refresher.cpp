// SPDX-License-Identifier: BSD-2-Clause
// Asking again.
// Runs in: worker.
#include "upstream/refresher.h"

#include <algorithm>
#include <array>

#include "log/log.h"

namespace sluice::upstream {

namespace {

/// An answer is kept at least that long, however short its time to live is.
constexpr Millis kLeastPause{1000};
/// How soon a name is asked for again that does not exist (`valid=` where it is given).
constexpr Millis kNegativePause{10'000};

}  // namespace

std::string service_name(std::string_view service, std::string_view host) {
    if (service.find('.') == service.npos) {
        const std::string_view mark = service.starts_with('_') ? "" : "_";
        return fmt::format("{}{}._tcp.{}", mark, service, host);
    }
    return fmt::format("{}.{}", service, host);
}

Refresher::Refresher(event::Loop& loop, Group& group, const Group::ResolvedServer& server)
    : loop_(loop),
      group_(group),
      spec_(*server.spec),
      state_(*server.state),
      resolver_(*group.spec().resolver->attached) {
    due_.refresher = this;
    due_.fire = [](event::Timer& timer) { static_cast<Due&>(timer).refresher->ask(); };
    name_.refresher = this;
    name_.done = [](Lookup& lookup, const NameAnswer& answer) {
        static_cast<NameLookup&>(lookup).refresher->on_name(answer);
    };
    ask();
}

void Refresher::ask() {
    const bool is_service = !spec_.service.empty();
    const std::string name =
        is_service ? service_name(spec_.service, spec_.host) : std::string(spec_.host);
    const Question question{.name = name,
                            .kind = is_service ? NameKind::Services : NameKind::Addresses,
                            .timeout = group_.spec().resolver_timeout};
    if (const NameAnswer* const answer = resolver_.find(question, name_)) {
        on_name(*answer);
    }
}

void Refresher::on_name(const NameAnswer& answer) {
    if (answer.outcome != NameOutcome::Found) {
        return give_up(answer.outcome);
    }
    last_ = NameOutcome::Found;
    valid_until_ = answer.valid_until;
    if (spec_.service.empty()) {
        return publish(answer.addresses);
    }
    ask_targets(answer.services);
}

/// The name does not exist: it has no peers. Any other failure leaves those that it had.
void Refresher::give_up(NameOutcome outcome) {
    if (outcome != last_) {
        const OutcomeWords words = words_of(outcome);
        log::write(log::Level::Error, "{} could not be resolved ({}: {}) in upstream \"{}\"",
                   spec_.host, words.code, words.text, group_.name());
    }
    last_ = outcome;
    if (outcome == NameOutcome::NoName || outcome == NameOutcome::FormatError) {
        const Millis valid = group_.spec().resolver->valid;
        valid_until_ = loop_.now() + (valid.count() != 0 ? valid : kNegativePause);
        return publish({});
    }
    ask_again(std::max(group_.spec().resolver_timeout, kLeastPause));
}

// ---- services ----

void Refresher::ask_targets(const std::vector<ServiceRecord>& services) {
    std::uint16_t best = UINT16_MAX;
    for (const ServiceRecord& service : services) {
        best = std::min(best, service.priority);
    }
    targets_.clear();
    found_.clear();
    has_failed_target_ = false;
    for (const ServiceRecord& service : services) {
        // The best priority are the peers; the others wait behind them. Behind a backup nobody
        // waits.
        const bool is_behind = service.priority != best;
        if ((is_behind && spec_.is_backup) || targets_.size() == kMaxResolved) {
            continue;
        }
        auto target = std::make_unique<TargetLookup>();
        target->refresher = this;
        target->service = service;
        target->is_backup = is_behind;
        target->done = [](Lookup& lookup, const NameAnswer& answer) {
            auto& self = static_cast<TargetLookup&>(lookup);
            self.refresher->on_target(self, answer);
        };
        targets_.push_back(std::move(target));
    }
    targets_left_ = targets_.size() + 1;
    for (const std::unique_ptr<TargetLookup>& target : targets_) {
        const Question question{.name = target->service.target,
                                .kind = NameKind::Addresses,
                                .timeout = group_.spec().resolver_timeout};
        if (const NameAnswer* const answer = resolver_.find(question, *target)) {
            on_target(*target, *answer);
        }
    }
    finish_target();  // the one too many, so that none of them ended it all
}

void Refresher::on_target(const TargetLookup& target, const NameAnswer& answer) {
    if (answer.outcome == NameOutcome::Found) {
        valid_until_ = std::min(valid_until_, answer.valid_until);
        for (ResolvedAddress address : answer.addresses) {
            address.port = target.service.port;
            address.weight = std::max<std::uint16_t>(target.service.weight, 1);
            address.is_backup = target.is_backup ? 1 : 0;
            found_.push_back(address);
        }
    } else {
        const OutcomeWords words = words_of(answer.outcome);
        log::write(log::Level::Warn, "{} could not be resolved ({}: {}) in upstream \"{}\"",
                   target.service.target, words.code, words.text, group_.name());
        has_failed_target_ = has_failed_target_ || answer.outcome != NameOutcome::NoName;
    }
    finish_target();
}

void Refresher::finish_target() {
    if (--targets_left_ > 0) {
        return;
    }
    if (found_.empty() && has_failed_target_) {
        return ask_again(std::max(group_.spec().resolver_timeout, kLeastPause));
    }
    publish(std::move(found_));
}

// ---- the answer ----

void Refresher::publish(std::vector<ResolvedAddress> found) {
    if (found.size() > kMaxResolved) {
        log::write(log::Level::Warn, "{} has {} addresses, {} are used in upstream \"{}\"",
                   spec_.host, found.size(), kMaxResolved, group_.name());
        found.resize(kMaxResolved);
    }
    std::array<ResolvedAddress, kMaxResolved> known;
    const std::size_t count = group_.store().read_addresses(state_, known);
    const bool is_new =
        state_.version.get() == 0 || !is_same_set(std::span(known).first(count), found);
    const bool is_only_missing = spec_.is_retried && found.empty();
    if (is_new && !is_only_missing) {
        const PeerStore::Lock lock(group_.store());
        PeerStore::store_addresses(state_, found);
    }
    if (spec_.is_retried && !spec_.is_resolved && !found.empty()) {
        log::write(log::Level::Notice, "host {} of upstream \"{}\" is known now", spec_.host,
                   group_.name());
        return;  // it means this from here on, as if it had been known at the start
    }
    ask_again(std::max(valid_until_ - loop_.now(), kLeastPause));
}

void Refresher::ask_again(Millis delay) {
    loop_.arm(due_, delay);
}

}  // namespace sluice::upstream
