// SPDX-License-Identifier: BSD-2-Clause
// Names, questions, answers.
// Runs in: worker.
#include "upstream/resolver.h"

#include <algorithm>
#include <ares.h>
#include <cerrno>
#include <iterator>

#include "base/ascii.h"
#include "log/log.h"
#include "upstream/resolver_wire.h"

namespace sluice::upstream {

namespace {

// RFC 1035 §3.2.2, RFC 3596 §2.1, RFC 2782.
constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::uint16_t kTypeSrv = 33;

/// CNAMEs that are followed one after the other.
constexpr int kMostAliases = 10;
/// How long a line of the machine's hosts file is believed; it is read anew with the configuration.
constexpr Millis kHostsValid{60'000};

NameOutcome outcome_of(int status) {
    switch (status) {
        case ARES_SUCCESS:
            return NameOutcome::Found;
        case ARES_ENODATA:
        case ARES_ENOTFOUND:
            return NameOutcome::NoName;
        case ARES_EFORMERR:
        case ARES_EBADRESP:
        case ARES_EBADNAME:
            return NameOutcome::FormatError;
        case ARES_ETIMEOUT:
            return NameOutcome::TimedOut;
        default:
            return NameOutcome::Failed;
    }
}

std::string key_of(const Question& question) {
    std::string_view name = question.name;
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    std::string key(1, question.kind == NameKind::Services ? 's' : 'a');
    for (const char c : name) {
        key += to_lower(c);
    }
    return key;
}

}  // namespace

OutcomeWords words_of(NameOutcome outcome) {
    switch (outcome) {
        case NameOutcome::Found:
            return {0, "no error"};
        case NameOutcome::NoName:
            return {3, "Host not found"};
        case NameOutcome::FormatError:
            return {1, "Format error"};
        case NameOutcome::Failed:
            return {2, "Server failure"};
        case NameOutcome::TimedOut:
            return {ETIMEDOUT, "Operation timed out"};
    }
    return {2, "Server failure"};
}

/// What is known of a name, or being asked.
struct Resolver::Name : Resolver::UseHook, Resolver::NewsHook {
    std::string key;  ///< the kind's letter and the name
    NameAnswer answer;
    NameAnswer next;  ///< being put together
    std::uint32_t ttl = UINT32_MAX;
    int parts = 0;  ///< questions under way
    bool has_answer = false;
    IntrusiveList<Lookup> waiting;

    /// Answered, and those who wait have to be told.
    [[nodiscard]] bool has_news() const { return NewsHook::is_linked(); }

    [[nodiscard]] bool is_idle() { return parts == 0 && !has_news() && waiting.empty(); }
};

/// One question to the servers.
struct Resolver::Part {
    Resolver* resolver = nullptr;
    Name* name = nullptr;
    std::uint16_t type = 0;
    int depth = 0;  ///< CNAMEs that led here
};

Resolver::Resolver(event::Loop& loop, const ResolverSpec& spec) : loop_(loop) {
    spec_.valid = spec.valid;
    spec_.wants_ipv4 = spec.wants_ipv4;
    spec_.wants_ipv6 = spec.wants_ipv6;
    for (const ResolverSpec::Host& host : spec.hosts) {
        std::string name(host.name);
        std::ranges::transform(name, name.begin(), &to_lower);
        hosts_.emplace(std::move(name), host.address);
    }
    wire_ = std::make_unique<ResolverWire>(loop);
    if (!wire_->start(spec.servers)) {
        log::write(log::Level::Error, "resolver: c-ares does not start");
    }
    outbox_.resolver = this;
    outbox_.run = [](event::Posted& posted) {
        static_cast<Outbox&>(posted).resolver->tell_waiting();
    };
}

Resolver::~Resolver() {
    is_ending_ = true;
    wire_.reset();
}

// ---- asking ----

const NameAnswer* Resolver::find(const Question& question, Lookup& lookup) {
    lookup.cancel();
    Name& name = name_of(key_of(question));
    const Millis now = loop_.now();
    const bool is_known = name.has_answer && name.answer.valid_until > now;
    if (is_known && !question.is_fresh) {
        return &name.answer;
    }
    name.waiting.push_back(lookup);
    lookup.patience.lookup = &lookup;
    lookup.patience.fire = [](event::Timer& timer) {
        Lookup& late = *static_cast<Lookup::Patience&>(timer).lookup;
        late.cancel();
        NameAnswer answer;
        answer.outcome = NameOutcome::TimedOut;
        late.done(late, answer);
    };
    loop_.arm(lookup.patience, question.timeout);
    if (name.parts == 0 && !name.has_news()) {
        ask(name);
    }
    return nullptr;
}

Resolver::Name& Resolver::name_of(std::string_view key) {
    auto found = names_.find(key);
    if (found == names_.end()) {
        make_room();
        auto name = std::make_unique<Name>();
        name->key = key;
        found = names_.emplace(name->key, std::move(name)).first;
    }
    by_use_.push_back(*found->second);
    return *found->second;
}

void Resolver::make_room() {
    std::size_t busy = 0;
    while (names_.size() >= kMostNames && busy < names_.size()) {
        Name& oldest = by_use_.front();
        if (oldest.is_idle()) {
            names_.erase(names_.find(oldest.key));
        } else {
            by_use_.push_back(oldest);
            ++busy;
        }
    }
}

void Resolver::ask(Name& name) {
    name.next = {};
    name.next.outcome = NameOutcome::NoName;
    name.next.asked_at = loop_.now();
    name.ttl = UINT32_MAX;
    const std::string text = name.key.substr(1);
    if (name.key.front() == 's') {
        name.parts = 1;
        return ask_part(name, kTypeSrv, text, 0);
    }
    if (answer_from_hosts(text, name.next)) {
        news_.push_back(name);
        return loop_.post(outbox_);
    }
    name.parts = (spec_.wants_ipv4 ? 1 : 0) + (spec_.wants_ipv6 ? 1 : 0);
    // The second question must not find the first one gone: an answer may come at once.
    const bool wants_both = name.parts == 2;
    if (spec_.wants_ipv4) {
        ask_part(name, kTypeA, text, 0);
    }
    if (wants_both || !spec_.wants_ipv4) {
        ask_part(name, kTypeAaaa, text, 0);
    }
}

void Resolver::ask_part(Name& name, std::uint16_t type, const std::string& text, int depth) {
    auto part = std::make_unique<Part>();
    *part = {.resolver = this, .name = &name, .type = type, .depth = depth};
    wire_->ask(
        text, type,
        [](void* arg, int status, int, unsigned char* bytes, int size) {
            std::unique_ptr<Part> answered(static_cast<Part*>(arg));
            Resolver& resolver = *answered->resolver;
            if (!resolver.is_ending_) {
                const std::size_t length =
                    bytes != nullptr && size > 0 ? static_cast<std::size_t>(size) : 0;
                resolver.take_part(*answered, status, {bytes, length});
            }
        },
        part.release());
}

bool Resolver::answer_from_hosts(std::string_view text, NameAnswer& out) const {
    const auto [first, last] = hosts_.equal_range(std::string(text));
    for (auto at = first; at != last; ++at) {
        const net::IpBytes ip = at->second.ip();
        if (ip.size == 4 ? spec_.wants_ipv4 : spec_.wants_ipv6) {
            out.addresses.push_back(
                {.ip = ip.bytes, .ip_bytes = static_cast<std::uint8_t>(ip.size)});
        }
    }
    if (out.addresses.empty()) {
        return false;
    }
    out.outcome = NameOutcome::Found;
    out.valid_until = loop_.now() + kHostsValid;
    return true;
}

// ---- answers ----

void Resolver::take_part(const Part& part, int status, std::span<const unsigned char> bytes) {
    Name& name = *part.name;
    NameOutcome outcome = outcome_of(status);
    if (outcome == NameOutcome::Found) {
        auto answer = parse_dns_answer(bytes);
        if (!answer) {
            outcome = NameOutcome::FormatError;
        } else {
            name.ttl = std::min(name.ttl, answer->ttl);
            if (!answer->alias.empty() && part.depth < kMostAliases) {
                return ask_part(name, part.type, answer->alias, part.depth + 1);
            }
            std::ranges::move(answer->addresses, std::back_inserter(name.next.addresses));
            std::ranges::move(answer->services, std::back_inserter(name.next.services));
            outcome = NameOutcome::NoName;  // unless something was found
        }
    }
    if (outcome != NameOutcome::NoName) {
        name.next.outcome = outcome;
    }
    if (--name.parts == 0) {
        finish(name);
    }
}

void Resolver::finish(Name& name) {
    const Millis now = loop_.now();
    if (!name.next.addresses.empty() || !name.next.services.empty()) {
        // As nginx has them: IPv4 first, whichever answer came first.
        std::vector<ResolvedAddress> ordered;
        for (const std::size_t family : {std::size_t{4}, std::size_t{16}}) {
            std::ranges::copy_if(
                name.next.addresses, std::back_inserter(ordered),
                [&](const ResolvedAddress& one) { return one.ip_bytes == family; });
        }
        name.next.addresses = std::move(ordered);
        name.next.outcome = NameOutcome::Found;
        const Millis ttl(static_cast<std::int64_t>(name.ttl) * 1000);
        name.next.valid_until = now + (spec_.valid.count() != 0 ? spec_.valid : ttl);
    } else {
        name.next.valid_until = now + kNegative;
    }
    news_.push_back(name);
    loop_.post(outbox_);
}

void Resolver::tell_waiting() {
    while (Name* const name = news_.pop_front()) {
        name->has_answer = true;
        name->answer = std::move(name->next);
        IntrusiveList<Lookup> told;
        told.splice(name->waiting);
        // Whoever is told may ask again, or take other questions back.
        const NameAnswer answer = name->answer;
        while (Lookup* const lookup = told.pop_front()) {
            lookup->cancel();
            lookup->done(*lookup, answer);
        }
    }
}

}  // namespace sluice::upstream
