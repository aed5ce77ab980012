// SPDX-License-Identifier: BSD-2-Clause
// access: allow and deny by the client's address. The first rule that fits decides; where none
// does the client may. In http and in stream.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "log/log.h"
#include "modules/shared/features.h"
#include "net/network.h"
#include "proto/http/access_verdict.h"
#include "proto/http/error_line.h"
#include "proto/http/exchange.h"
#include "proto/http/trace.h"
#include "proto/stream/error_line.h"
#include "proto/stream/session.h"

namespace sluice::modules {

namespace {

constexpr fmt::format_string<> kForbidden = "access forbidden by rule";

struct AccessRule {
    enum class Who : std::uint8_t { All, Unix, Network };

    Who who = Who::All;
    bool allows = false;
    net::Network network;
};

/// Where the rules stand, in the same order: for reports, so that a check touches the rules alone.
struct AccessRules {
    std::span<const AccessRule> list;
    std::span<const conf::Position> places;
};

struct AccessConf {
    conf::Setting<AccessRules> rules;
};

/// `items` and one more, in the arena.
template <class T>
std::span<const T> with(std::span<const T> items, const T& more, Arena& arena) {
    const auto kept = arena.make_span<T>(items.size() + 1);
    if (!kept.empty()) {
        std::copy_n(items.begin(), items.size(), kept.begin());
        kept.back() = more;
    }
    return kept;
}

bool set_rule(conf::Build& build, const conf::Directive& directive, AccessConf& conf) {
    const conf::Argument& argument = directive.args[0];
    AccessRule rule;
    rule.allows = directive.name == "allow";
    if (argument.text == "unix:") {
        rule.who = AccessRule::Who::Unix;
    } else if (argument.text != "all") {
        const std::optional<net::Network> network = net::Network::parse(argument.text);
        if (!network) {
            return build.error(argument, fmt::format("invalid parameter \"{}\"", argument.text),
                               "an address, a network such as 10.0.0.0/8, unix: or all");
        }
        if (network->had_low_bits()) {
            build.warn(argument.at,
                       fmt::format("low address bits of {} are meaningless", argument.text));
        }
        rule.who = AccessRule::Who::Network;
        rule.network = *network;
    }
    AccessRules rules = conf.rules.is_set ? *conf.rules : AccessRules{};
    rules.list = with(rules.list, rule, build.arena());
    rules.places = with(rules.places, directive.at, build.arena());
    conf.rules.value = rules;
    return true;
}

constexpr conf::ContextMask kWhere =
    conf::kAnyHttp | conf::kLimitExcept | stream::kAnyStream;

constexpr conf::Row kRows[] = {
    conf::row_fn<&AccessConf::rules, &set_rule>(
        "allow", kWhere, conf::take(1),
        "Who may: an address, a network, unix: or all. The first allow or deny that fits decides.")
        .repeats(),
    conf::row_fn<&AccessConf::rules, &set_rule>(
        "deny", kWhere, conf::take(1),
        "Who may not (403, in stream the end of the session): an address, a network, unix: or all.")
        .repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<AccessConf>("access", kRows);
constexpr conf::Module kConf{"access", &kKind};

bool fits(const AccessRule& rule, const net::Address& peer, const net::IpBytes& ip) {
    switch (rule.who) {
        case AccessRule::Who::All:
            return true;
        case AccessRule::Who::Unix:
            return peer.is_unix();
        case AccessRule::Who::Network:
            return rule.network.contains(ip);
    }
    return false;
}

/// The number of the rule that decides about `peer`; as many as there are: none fits.
std::size_t deciding_rule(const AccessRules& rules, const net::Address& peer) {
    const net::IpBytes ip = peer.ip();
    const auto rule = std::ranges::find_if(
        rules.list, [&](const AccessRule& one) { return fits(one, peer, ip); });
    return static_cast<std::size_t>(rule - rules.list.begin());
}

// ---- http ----

/// `decided`: the rule that fits; as many as there are: none does.
void tell_rules(const http::Exchange& exchange, const AccessRules& rules, std::size_t decided) {
    const std::string client = exchange.peer().host();
    for (std::size_t i = 0; i < rules.list.size(); ++i) {
        const char* const verdict = i < decided             ? "does not fit"
                                    : i > decided           ? "not asked, for"
                                    : rules.list[i].allows ? "allows"
                                                            : "forbids";
        http::tell(exchange, http::Topic::Access, rules.places[i], "{} {}", verdict, client);
    }
    if (decided == rules.list.size()) {
        http::tell(exchange, http::Topic::Access, conf::Position{},
                   "no allow or deny fits {}: allowed", client);
    }
}

http::Verdict check(http::Exchange& exchange, const void* settings) {
    const AccessRules& rules = *static_cast<const AccessConf*>(settings)->rules;
    const std::size_t decided = deciding_rule(rules, exchange.peer());
    if (exchange.trace != nullptr) [[unlikely]] {
        tell_rules(exchange, rules, decided);
    }
    if (decided == rules.list.size()) {
        return http::Verdict::Declined;
    }
    if (rules.list[decided].allows) {
        return http::allow_access(exchange);
    }
    if (!http::any_suffices(exchange)) {
        http::write_error(exchange, http::client_level(exchange, log::Level::Error), kForbidden);
    }
    return http::deny_access(exchange, 403);
}

http::BoundRule bind_http(http::Phase phase, conf::Level& level) {
    const AccessConf& conf = level.conf<AccessConf>();
    if (phase != http::Phase::Access || conf.rules->list.empty()) {
        return {};
    }
    return {.run = &check, .settings = &conf};
}

// ---- stream ----

stream::Verdict check_session(stream::Session& session, const void* settings) {
    const AccessRules& rules = *static_cast<const AccessConf*>(settings)->rules;
    const std::size_t decided = deciding_rule(rules, session.peer());
    if (decided == rules.list.size() || rules.list[decided].allows) {
        return stream::Verdict::Declined;
    }
    stream::write_error(session, stream::client_level(session, log::Level::Error), kForbidden);
    session.status = stream::kForbidden;
    return stream::Verdict::Decided;
}

stream::BoundRule bind_stream(stream::Phase phase, conf::Level& level) {
    const AccessConf& conf = level.conf<AccessConf>();
    if (phase != stream::Phase::Access || conf.rules->list.empty()) {
        return {};
    }
    return {.run = &check_session, .settings = &conf};
}

}  // namespace

constexpr http::Module kAccess{
    .name = "access",
    .conf = &kConf,
    .bind = &bind_http,
};

constexpr stream::Module kStreamAccess{
    .name = "access",
    .conf = &kConf,
    .bind = &bind_stream,
};

}  // namespace sluice::modules
