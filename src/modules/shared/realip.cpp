// SPDX-License-Identifier: BSD-2-Clause
// realip: the client's address as a proxy tells it that is trusted to (set_real_ip_from), in a field
// of the request or by the PROXY protocol, which is all that a session of stream has. From then on it
// is the client's address everywhere: in rules, limits and logs.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "conf/level.h"
#include "modules/shared/features.h"
#include "modules/shared/forwarded.h"
#include "proto/http/exchange.h"
#include "proto/http/trace.h"
#include "proto/stream/session.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

/// In real_ip_header: not a field but what the connection began with.
constexpr std::string_view kProxyProtocol = "proxy_protocol";

struct RealIpConf {
    conf::Setting<Trusted> from;
    conf::Setting<std::string_view> header;
    conf::Setting<bool> recursive;
};

// ---- settings ----

bool set_from(conf::Build& build, const conf::Directive& directive, RealIpConf& conf) {
    return add_trusted(build, directive.args[0], directive.name, conf.from.value);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<&RealIpConf::from, &set_from>(
        "set_real_ip_from", conf::kAnyHttp | stream::kAnyStream, conf::take(1),
        "A peer that is believed when it names the client (in stream: by the PROXY protocol): an "
        "address, a network, a host or unix:.")
        .repeats(),
    conf::row<&RealIpConf::header>(
        "real_ip_header", conf::kAnyHttp, conf::take(1),
        "The field in which a trusted peer names the client, or proxy_protocol for the header of that "
        "protocol.")
        .defaults("X-Real-IP"),
    conf::row<&RealIpConf::recursive>(
        "real_ip_recursive", conf::kAnyHttp, conf::flag(),
        "Take the last address of the field that is not trusted itself, instead of the last.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<RealIpConf>("realip", kRows);
constexpr conf::Module kConf{"realip", &kKind};

// ---- the rule ----

constexpr std::size_t kMostLists = 16;

struct Lists {
    std::array<std::string_view, kMostLists> values;
    std::size_t count = 0;

    void add(std::string_view value) {
        if (count == kMostLists) {  // the last ones count
            std::ranges::rotate(values, values.begin() + 1);
            --count;
        }
        values[count++] = value;
    }
};

Verdict learn_client(Exchange& exchange, const void* settings) {
    const RealIpConf& conf = *static_cast<const RealIpConf*>(settings);
    if (exchange.client != nullptr || !conf.from->contains(exchange.wire.peer())) {
        return Verdict::Declined;
    }
    Lists lists;
    for (const http::Header& header : exchange.request.headers) {
        if (equals_ignoring_case(header.name, *conf.header)) {
            lists.add(header.value);
        }
    }
    const auto client = forwarded_client(
        exchange.wire.peer(), std::span(lists.values).first(lists.count), *conf.from,
        *conf.recursive);
    if (client) {
        exchange.client = exchange.arena.make<net::Address>(*client);
        if (exchange.trace != nullptr) [[unlikely]] {
            http::tell(exchange, http::Topic::Access, "set_real_ip_from", "the client is {}",
                       client->host());
        }
    }
    return Verdict::Declined;
}

/// What the connection began with, of an exchange or a session. A Verdict tells whose rule it is.
template <class Subject, class Verdict>
Verdict learn_proxied(Subject& subject, const void* settings) {
    const RealIpConf& conf = *static_cast<const RealIpConf*>(settings);
    const net::ProxyHeader* const told = subject.wire.proxied();
    if (subject.client == nullptr && told != nullptr &&
        conf.from->contains(subject.wire.peer())) {
        subject.client = subject.arena.template make<net::Address>(told->client.unpack());
    }
    return Verdict::Declined;
}

/// Whether a location says what its server has not said: else the server's answer holds.
bool differs_from_server(const conf::Level& level) {
    for (const conf::Level* at = &level; at->context != conf::kServer && at->parent != nullptr;
         at = at->parent) {
        const RealIpConf& conf = at->conf<RealIpConf>();
        if (conf.from.is_set || conf.header.is_set || conf.recursive.is_set) {
            return true;
        }
    }
    return false;
}

// nginx asks before the server's rules and, for what a location says, before its limits.
http::BoundRule bind_http(http::Phase phase, conf::Level& level) {
    const RealIpConf& conf = level.conf<RealIpConf>();
    const bool is_asked = phase == http::Phase::ServerRewrite ||
                          (phase == http::Phase::Preaccess && differs_from_server(level));
    if (!is_asked || conf.from->empty()) {
        return {};
    }
    return {.run = *conf.header == kProxyProtocol ? &learn_proxied<Exchange, Verdict> : &learn_client,
            .settings = &conf};
}

stream::BoundRule bind_stream(stream::Phase phase, conf::Level& level) {
    const RealIpConf& conf = level.conf<RealIpConf>();
    if (phase != stream::Phase::PostAccept || conf.from->empty()) {
        return {};
    }
    return {.run = &learn_proxied<stream::Session, stream::Verdict>, .settings = &conf};
}

}  // namespace

constexpr http::Module kRealIp{
    .name = "realip",
    .conf = &kConf,
    .bind = &bind_http,
};

constexpr stream::Module kStreamRealIp{
    .name = "realip",
    .conf = &kConf,
    .bind = &bind_stream,
};

}  // namespace sluice::modules
