// SPDX-License-Identifier: BSD-2-Clause
// ssl_preread: looks at the first message of a TLS client, which stays where it is: the name that it
// asks for chooses among the servers of the address, and variables tell what it said.
// Runs in: any (settings), worker (rule).
#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "conf/level.h"
#include "modules/stream/features.h"
#include "net/client_hello.h"
#include "proto/stream/error_line.h"
#include "proto/stream/session.h"

namespace sluice::modules {

namespace {

using net::HelloOutcome;
using stream::Session;
using stream::Verdict;

struct PrereadConf {
    conf::Setting<bool> is_on;
};

constexpr conf::Row kRows[] = {
    conf::row<&PrereadConf::is_on>(
        "ssl_preread", stream::kAnyStream, conf::flag(),
        "Look at what a TLS client asks for before its bytes are passed on: $ssl_preread_server_name "
        "and its like, and the choice of a server by server_name.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<PrereadConf>("ssl_preread", kRows);
constexpr conf::Module kConf{"ssl_preread", &kKind};

/// Session::preread_facts. Texts live as long as the session.
struct Facts {
    std::string_view server_name;
    std::string_view protocols;  ///< "h2,http/1.1"
    std::string_view version;
};

std::string_view name_of(net::TlsVersion version) {
    constexpr std::array<std::string_view, 7> kNames{"",        "SSLv2",   "SSLv3",  "TLSv1",
                                                     "TLSv1.1", "TLSv1.2", "TLSv1.3"};
    return kNames[static_cast<std::size_t>(version)];
}

/// Lengths before the names become commas between them. data() == nullptr: no room.
std::string_view joined(std::string_view protocols, Arena& arena) {
    if (protocols.empty()) {
        return "";
    }
    char* const out = static_cast<char*>(arena.allocate(protocols.size(), 1));
    if (out == nullptr) {
        return {};
    }
    std::ranges::copy(protocols, out);
    for (std::size_t at = 0; at < protocols.size();
         at += std::size_t{1} + static_cast<unsigned char>(protocols[at])) {
        out[at] = ',';
    }
    return {out + 1, protocols.size() - 1};
}

/// The name as servers are known: lower case, without the root's dot. Empty: none can have it.
std::string_view host_of(std::string_view name, Arena& arena) {
    name.remove_suffix(name.ends_with('.') ? 1 : 0);
    const auto is_strange = [](char c) { return c == '/' || static_cast<unsigned char>(c) <= ' '; };
    char* const out = std::ranges::any_of(name, is_strange)
                          ? nullptr
                          : static_cast<char*>(arena.allocate(name.size(), 1));
    if (out == nullptr) {
        return {};
    }
    std::ranges::transform(name, out, to_lower);
    return {out, name.size()};
}

/// Keeps what the client said. False: no room.
bool keep_facts(Session& session, const net::ClientHello& hello) {
    auto* const facts = session.arena.make<Facts>();
    if (facts == nullptr) {
        return false;
    }
    facts->server_name = session.arena.copy(hello.server_name);
    facts->protocols = joined(hello.protocols, session.arena);
    facts->version = name_of(hello.version);
    session.preread_facts = facts;
    return facts->server_name.data() != nullptr && facts->protocols.data() != nullptr;
}

Verdict look(Session& session, const void*) {
    if (session.wire.is_datagram()) {
        return Verdict::Declined;  // records of DTLS are others
    }
    net::ClientHello hello;
    switch (net::read_client_hello(session.wire.preread(), session.arena, hello)) {
        case HelloOutcome::More:
            return Verdict::More;
        case HelloOutcome::NoTls:
            return Verdict::Declined;
        case HelloOutcome::Read:
            break;
    }
    if (!keep_facts(session, hello)) {
        stream::write_error(session, log::Level::Error, "no memory for what a client asks for");
        session.status = stream::kInternalError;
        return Verdict::Decided;
    }
    if (const std::string_view host = host_of(hello.server_name, session.arena); !host.empty()) {
        session.choose_server(host);
    }
    return Verdict::Declined;
}

stream::BoundRule bind(stream::Phase phase, conf::Level& level) {
    const PrereadConf& conf = level.conf<PrereadConf>();
    if (phase != stream::Phase::Preread || !*conf.is_on) {
        return {};
    }
    return {.run = &look, .settings = &conf};
}

// ---- variables ----

template <std::string_view Facts::* Which>
script::Value get(const void* subject, Arena&, std::string_view) {
    const auto* const facts =
        static_cast<const Facts*>(static_cast<const Session*>(subject)->preread_facts);
    return facts == nullptr ? script::Value::none() : script::Value{facts->*Which};
}

constexpr script::VariableRow kVariables[] = {
    {.name = "ssl_preread_server_name",
     .get = &get<&Facts::server_name>,
     .sentence = "The server name that a TLS client asks for, by ssl_preread."},
    {.name = "ssl_preread_alpn_protocols",
     .get = &get<&Facts::protocols>,
     .sentence = "The protocols that a TLS client would speak, as \"h2,http/1.1\", by ssl_preread."},
    {.name = "ssl_preread_protocol",
     .get = &get<&Facts::version>,
     .sentence = "The newest TLS version that a client knows, such as TLSv1.3, by ssl_preread."},
};

}  // namespace

constexpr stream::Module kStreamSslPreread{
    .name = "ssl_preread",
    .conf = &kConf,
    .bind = &bind,
    .variables = kVariables,
};

}  // namespace sluice::modules
