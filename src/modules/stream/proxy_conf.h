// SPDX-License-Identifier: BSD-2-Clause
// ProxyConf: the settings of proxy_pass and its kin in `stream`.
// Runs in: any (settings), worker (read).
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"
#include "conf/module.h"
#include "conf/row.h"
#include "net/address.h"
#include "script/template.h"
#include "upstream/block.h"
#include "upstream/destination.h"

namespace sluice::modules {

enum class ProxyHeaderVersion : std::uint8_t { Off, First, Second };

/// Bytes a second, perhaps of variables; 0: no limit.
struct RateSetting {
    script::Template text;
    std::uint64_t constant = 0;
};

/// proxy_bind.
struct BindSetting {
    script::Template text;
    net::Address constant;  ///< of a constant text
    bool is_on = false;
    bool is_transparent = false;
};

struct ProxyConf {
    // of this very server
    bool is_there = false;
    upstream::TargetUse target;    ///< of a constant text
    script::Template target_text;  ///< else
    upstream::DestinationUse destination;  ///< of that

    conf::Setting<Millis> connect_timeout;
    conf::Setting<Millis> timeout;
    conf::Setting<Bytes> buffer_size;
    conf::Setting<RateSetting> upload_rate;
    conf::Setting<RateSetting> download_rate;
    conf::Setting<std::optional<std::uint64_t>> requests;
    conf::Setting<std::optional<std::uint64_t>> responses;
    conf::Setting<bool> next_upstream;
    conf::Setting<std::uint32_t> next_upstream_tries;
    conf::Setting<Millis> next_upstream_timeout;
    conf::Setting<ProxyHeaderVersion> protocol;
    conf::Setting<bool> half_close;
    conf::Setting<bool> socket_keepalive;
    conf::Setting<BindSetting> bind;
};

/// Its rows.
extern const conf::ConfKind kProxyConfKind;

/// An address with or without a port: "10.0.0.1", "10.0.0.1:80", "[::1]", "unix:/path".
[[nodiscard]] std::optional<net::Address> parse_bind_address(std::string_view text);

}  // namespace sluice::modules
