// SPDX-License-Identifier: BSD-2-Clause
// access: allow and deny by the client's address. The first rule that fits decides; where none
// does the client may.
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

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

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

constexpr conf::ContextMask kWhere = conf::kAnyHttp | conf::kLimitExcept;

constexpr conf::Row kRows[] = {
    conf::row_fn<&AccessConf::rules, &set_rule>(
        "allow", kWhere, conf::take(1),
        "Who may: an address, a network, unix: or all. The first allow or deny that fits decides.")
        .repeats(),
    conf::row_fn<&AccessConf::rules, &set_rule>(
        "deny", kWhere, conf::take(1),
        "Who may not (403): an address, a network, unix: or all.")
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

/// `decided`: the rule that fits; as many as there are: none does.
void tell_rules(const Exchange& exchange, const AccessRules& rules, std::size_t decided) {
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

Verdict check(Exchange& exchange, const void* settings) {
    const AccessConf& conf = *static_cast<const AccessConf*>(settings);
    const net::Address& peer = exchange.peer();
    const net::IpBytes ip = peer.ip();
    const auto rule = std::ranges::find_if(
        conf.rules->list, [&](const AccessRule& one) { return fits(one, peer, ip); });
    if (exchange.trace != nullptr) [[unlikely]] {
        tell_rules(exchange, *conf.rules, static_cast<std::size_t>(rule - conf.rules->list.begin()));
    }
    if (rule == conf.rules->list.end()) {
        return Verdict::Declined;
    }
    if (rule->allows) {
        return http::allow_access(exchange);
    }
    if (!http::any_suffices(exchange)) {
        http::write_error(exchange, http::client_level(exchange, log::Level::Error),
                          "access forbidden by rule");
    }
    return http::deny_access(exchange, 403);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const AccessConf& conf = level.conf<AccessConf>();
    if (phase != http::Phase::Access || conf.rules->list.empty()) {
        return {};
    }
    return {.run = &check, .settings = &conf};
}

}  // namespace

constexpr http::Module kAccess{
    .name = "access",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
