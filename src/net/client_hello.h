// SPDX-License-Identifier: BSD-2-Clause
// ClientHello: what a TLS client tells before anything is encrypted: the name it asks for, the
// protocols it would speak, the version it knows. Read without a TLS library and without taking the
// bytes, so that a relay can choose by it and pass everything on.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"

namespace sluice::net {

enum class TlsVersion : std::uint8_t { Unknown, Ssl2, Ssl3, Tls10, Tls11, Tls12, Tls13 };

struct ClientHello {
    std::string_view server_name;  ///< SNI (RFC 6066 §3) as it was sent; empty: none
    std::string_view protocols;    ///< ALPN (RFC 7301): names, each behind a byte with its length
    TlsVersion version = TlsVersion::Unknown;  ///< the newest that it knows
};

enum class HelloOutcome : std::uint8_t {
    More,   ///< what is there may be the beginning of one
    Read,   ///< `out` has it
    NoTls,  ///< something else, or one that is broken
};

/// Reads the first message of `bytes`, which may lie in several records (RFC 8446 §5.1), or the
/// version 2 form of it. Views of `out` live as long as `bytes`, or as `arena`, where the message is
/// put together; nothing is put there before all of it has come. A full arena is NoTls.
[[nodiscard]] HelloOutcome read_client_hello(std::string_view bytes, Arena& arena, ClientHello& out);

}  // namespace sluice::net
