// SPDX-License-Identifier: BSD-2-Clause
// The PROXY protocol, versions 1 and 2: a header before the first byte of a connection by which a
// proxy tells whom it speaks for.
// Runs in: any (parse), worker. Makes no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/address.h"

namespace sluice::net {

/// What a proxy told. Owner: the connection.
struct ProxyHeader {
    PeerAddress client;
    PeerAddress server;  ///< where the client had connected to
    std::string tlvs;    ///< of version 2: the bytes behind the addresses
};

/// Longer headers are refused.
inline constexpr std::size_t kMostProxyHeader = 4096;

enum class ProxyOutcome : std::uint8_t {
    More,    ///< what is there may be the beginning of a header
    Told,    ///< a header with addresses
    Silent,  ///< a header that tells nobody: UNKNOWN, LOCAL, other families
    Broken,  ///< no header
};

struct ProxyReading {
    ProxyOutcome outcome = ProxyOutcome::More;
    std::size_t size = 0;          ///< bytes of the header where it is whole
    std::string_view complaint{};  ///< Broken: what is wrong, for the log
};

/// Reads the header that `bytes` begin with into `out`. Never More where kMostProxyHeader bytes are
/// there.
[[nodiscard]] ProxyReading read_proxy_header(std::string_view bytes, ProxyHeader& out);

/// What the log shows of a broken header: the begin of its line, or the mark that version 2 has.
[[nodiscard]] std::string_view shown_header(std::string_view input);

/// The value of a TLV, "alpn", "ssl_cn" or "0x05", as nginx calls them; "ssl_verify" is a number,
/// written into `room`. Nothing where it was not sent or where nothing has that name.
/// Lives: as long as what `tlvs` views, or `room`.
[[nodiscard]] std::optional<std::string_view> find_tlv(std::string_view tlvs,
                                                       std::string_view name,
                                                       std::span<char, 10> room);

}  // namespace sluice::net
