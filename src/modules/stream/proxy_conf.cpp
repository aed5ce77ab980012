// SPDX-License-Identifier: BSD-2-Clause
// Directives of stream's proxy.
// Runs in: any.
#include "modules/stream/proxy_conf.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "conf/level.h"
#include "conf/parse_as.h"
#include "proto/stream/module.h"
#include "script/dialect.h"
#include "script/template_argument.h"
#include "upstream/endpoint.h"

namespace sluice::conf {

template <>
struct EnumNames<modules::ProxyHeaderVersion> {
    static constexpr std::pair<std::string_view, modules::ProxyHeaderVersion> kTable[] = {
        {"off", modules::ProxyHeaderVersion::Off},
        {"on", modules::ProxyHeaderVersion::First},
        {"v2", modules::ProxyHeaderVersion::Second},
    };
};

template <>
struct ParseAs<std::optional<std::uint64_t>> {
    static bool parse(Build& build, const Directive& directive, std::optional<std::uint64_t>& out) {
        out.emplace();
        return ParseAs<std::uint64_t>::parse(build, directive, *out);
    }
};

}  // namespace sluice::conf

namespace sluice::modules {

namespace {

using stream::kAnyStream;

bool set_pass(conf::Build& build, const conf::Directive& directive, ProxyConf& conf) {
    const conf::Argument& argument = directive.args[0];
    conf.is_there = true;
    if (argument.text.find('$') == argument.text.npos) {
        upstream::use_target(build, argument, argument.text, std::nullopt, conf.target);
        return true;
    }
    upstream::use_destination(build, std::nullopt, conf.destination);
    return script::compile_argument(build, argument, script::variables_of(build),
                                    conf.target_text);
}

template <auto Member>
bool set_rate(conf::Build& build, const conf::Directive& directive, ProxyConf& conf) {
    RateSetting& rate = (conf.*Member).value;
    if (!script::compile_argument(build, directive.args[0], script::variables_of(build),
                                  rate.text)) {
        return false;
    }
    if (!rate.text.is_constant()) {
        return true;
    }
    const auto size = conf::parse_size(rate.text.constant());
    if (!size) {
        return build.invalid(directive, directive.args[0], "bytes a second, such as 100k; 0: no limit");
    }
    rate.constant = size->count;
    return true;
}

bool set_bind(conf::Build& build, const conf::Directive& directive, ProxyConf& conf) {
    BindSetting& bind = conf.bind.value;
    const conf::Argument& address = directive.args[0];
    if (directive.args.size() == 1 && address.text == "off") {
        bind = {};
        return true;
    }
    if (directive.args.size() == 2) {
        if (directive.args[1].text != "transparent") {
            return build.error(directive.args[1],
                               fmt::format("invalid parameter \"{}\"", directive.args[1].text),
                               "transparent");
        }
        bind.is_transparent = true;
    }
    bind.is_on = true;
    if (!script::compile_argument(build, address, script::variables_of(build), bind.text)) {
        return false;
    }
    if (!bind.text.is_constant()) {
        return true;
    }
    const auto parsed = parse_bind_address(bind.text.constant());
    if (!parsed) {
        return build.error(address, fmt::format("invalid address \"{}\"", address.text),
                           "an address of this machine, with or without a port, or off");
    }
    bind.constant = *parsed;
    return true;
}

// clang-format off
constexpr conf::Row kRows[] = {
    conf::row_fn<ProxyConf, &set_pass>("proxy_pass", conf::kStreamServer, conf::take(1),
        "Relays to this peer: address:port, unix:path, a host name or an upstream; variables may be used."),
    conf::row<&ProxyConf::connect_timeout>("proxy_connect_timeout", kAnyStream, conf::take(1),
        "How long a connection to a peer may take.").defaults("60s"),
    conf::row<&ProxyConf::timeout>("proxy_timeout", kAnyStream, conf::take(1),
        "The session ends when no byte, or datagram, has moved for so long.").defaults("10m"),
    conf::row<&ProxyConf::buffer_size>("proxy_buffer_size", kAnyStream, conf::take(1),
        "Bytes read at once, and held, for each direction.").defaults("16k"),
    conf::row_fn<&ProxyConf::upload_rate, &set_rate<&ProxyConf::upload_rate>>("proxy_upload_rate", kAnyStream, conf::take(1),
        "Bytes a second that are read from a client; 0: no limit.").defaults("0"),
    conf::row_fn<&ProxyConf::download_rate, &set_rate<&ProxyConf::download_rate>>("proxy_download_rate", kAnyStream, conf::take(1),
        "Bytes a second that are read from the peer; 0: no limit.").defaults("0"),
    conf::row<&ProxyConf::requests>("proxy_requests", kAnyStream, conf::take(1),
        "Datagrams of a client after which its next one begins another session; 0: no end."),
    conf::row<&ProxyConf::responses>("proxy_responses", kAnyStream, conf::take(1),
        "Datagrams that are expected of the peer for each of the client's; without it, any number until proxy_timeout."),
    conf::row<&ProxyConf::next_upstream>("proxy_next_upstream", kAnyStream, conf::flag(),
        "Ask the next peer where a connection to one cannot be made.").defaults("on"),
    conf::row<&ProxyConf::next_upstream_tries>("proxy_next_upstream_tries", kAnyStream, conf::take(1),
        "Most peers that are asked for one session; 0: all.").defaults("0"),
    conf::row<&ProxyConf::next_upstream_timeout>("proxy_next_upstream_timeout", kAnyStream, conf::take(1),
        "How long another peer may be asked; 0: no limit.").defaults("0"),
    conf::row<&ProxyConf::protocol>("proxy_protocol", kAnyStream, conf::take(1),
        "Begin the connection to the peer with a header that names the client: on (version 1) or v2.").defaults("off"),
    conf::row<&ProxyConf::half_close>("proxy_half_close", kAnyStream, conf::flag(),
        "Each side may end its own direction while the other goes on.").defaults("off"),
    conf::row<&ProxyConf::socket_keepalive>("proxy_socket_keepalive", kAnyStream, conf::flag(),
        "Let TCP probe idle connections to peers.").defaults("off"),
    conf::row_fn<&ProxyConf::bind, &set_bind>("proxy_bind", kAnyStream, conf::take_range(1, 2),
        "The local address that connections to peers come from; transparent: also one that is not this machine's."),
};
// clang-format on

}  // namespace

constexpr conf::ConfKind kProxyConfKind = conf::kind<ProxyConf>("stream proxy", kRows);

std::optional<net::Address> parse_bind_address(std::string_view text) {
    if (const auto address = net::Address::parse(text)) {
        return address;
    }
    if (const auto endpoint = upstream::parse_endpoint(text)) {
        return endpoint->address(0);
    }
    return upstream::address_of(text, 0);
}

}  // namespace sluice::modules
