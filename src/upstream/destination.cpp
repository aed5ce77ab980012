// SPDX-License-Identifier: BSD-2-Clause
// From a text to a group.
// Runs in: any (settings), worker.
#include "upstream/destination.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "conf/generation.h"
#include "log/log.h"
#include "upstream/endpoint.h"
#include "upstream/upstreams.h"

namespace sluice::upstream {

namespace {

/// Room for any endpoint's text, its port and which resolver is asked.
constexpr std::size_t kKeyRoom = 400;

/// What tells groups apart, written into `room`; views it.
std::string_view write_key(std::span<char, kKeyRoom> room,
                           const DestinationUse& use,
                           std::string_view text,
                           std::uint16_t port) {
    const void* const resolver = use.resolver == nullptr ? nullptr : use.resolver->attached;
    const auto end =
        fmt::format_to_n(room.begin(), room.size(), "{}\n{}\n{}", text, port, resolver);
    return {room.data(), std::min(end.size, room.size())};
}

}  // namespace

void use_destination(conf::Build& build,
                     std::optional<std::uint16_t> default_port,
                     DestinationUse& use) {
    use.default_port = default_port;
    use.level = &build.level();
    use.main = &build.generation().main_level().conf<UpstreamConf>();
    build.on_frozen(
        [](conf::Build& at_end, void* object) {
            DestinationUse& self = *static_cast<DestinationUse*>(object);
            self.resolver = resolver_of(at_end, *self.level);
            self.timeout = *self.level->conf<UpstreamConf>().resolver_timeout;
        },
        &use);
}

Destination::Destination() {
    lookup_.destination = this;
}

void Destination::reset() {
    lookup_.cancel();
    group_ = nullptr;
    transient_.reset();
    state_ = State::Idle;
}

Destination::State Destination::find(const DestinationUse& use,
                                     std::string_view text,
                                     Found found) {
    reset();
    found_ = found;
    if (const GroupSpec* const block = find_block(*use.level, text); block != nullptr) {
        group_ = block->attached;
        return state_ = State::Ready;
    }
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) {
        return fail(fmt::format("{} in upstream \"{}\"", endpoint.error(), log::Escaped{text}));
    }
    if (!endpoint->port && !endpoint->is_unix && !use.default_port) {
        return fail(fmt::format("no port in upstream \"{}\"", log::Escaped{text}));
    }
    const std::uint16_t port = endpoint->port.value_or(use.default_port.value_or(0));
    Upstreams& upstreams = *use.main->attached;
    std::array<char, kKeyRoom> room;
    const std::string_view key = write_key(room, use, text, port);
    TransientGroup& group = upstreams.transients().find(key, [&] {
        auto made = std::make_unique<TransientGroup>(std::string(key), text, endpoint->host);
        made->server.port = port;
        return made;
    });
    if (const auto address = endpoint->address(port)) {
        group.use_address(*address, upstreams.now());
        return take(group);
    }
    if (group.valid_until > upstreams.now()) {
        return take(group);
    }
    return use.resolver == nullptr ? fail(fmt::format("no resolver defined to resolve {}",
                                                      log::Escaped{endpoint->host}))
                                   : look_up(*use.resolver->attached, group, use.timeout);
}

Destination::State Destination::look_up(Resolver& resolver, TransientGroup& group, Millis timeout) {
    transient_ = Counted<TransientGroup>(&group);
    lookup_.done = [](Lookup& lookup, const NameAnswer& answer) {
        Destination& self = *static_cast<NameLookup&>(lookup).destination;
        self.use_answer(answer);
        self.found_(self);
    };
    const Question question{.name = group.host, .timeout = timeout};
    if (const NameAnswer* const answer = resolver.find(question, lookup_)) {
        return use_answer(*answer);
    }
    return state_ = State::Waiting;
}

Destination::State Destination::use_answer(const NameAnswer& answer) {
    TransientGroup& group = *transient_;
    if (answer.outcome != NameOutcome::Found) {
        const OutcomeWords words = words_of(answer.outcome);
        return fail(fmt::format("{} could not be resolved ({}: {})", log::Escaped{group.host},
                                words.code, words.text));
    }
    group.use_addresses(answer.addresses, answer.asked_at);
    group.valid_until = answer.valid_until;
    return take(group);
}

Destination::State Destination::take(TransientGroup& group) {
    transient_ = Counted<TransientGroup>(&group);
    group_ = group.group.get();
    return state_ = State::Ready;
}

Destination::State Destination::fail(const std::string& problem) {
    problem_size_ = std::min(problem.size(), problem_.size());
    std::copy_n(problem.begin(), problem_size_, problem_.begin());
    transient_.reset();
    return state_ = State::Failed;
}

}  // namespace sluice::upstream
