// SPDX-License-Identifier: BSD-2-Clause
// CoreConf: the settings of `stream` itself, one object per level (stream, server), inherited
// downwards.
// Runs in: any (build), worker (read).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "conf/module.h"
#include "conf/row.h"

namespace sluice::stream {

class SiteBuilder;
struct ServerDraft;

struct CoreConf {
    conf::Setting<Bytes> preread_buffer_size;
    conf::Setting<Millis> preread_timeout;
    conf::Setting<Millis> proxy_protocol_timeout;
    conf::Setting<bool> tcp_nodelay;
    std::string_view status_zone{};  ///< of this very level

    // While the configuration is read:
    SiteBuilder* site = nullptr;   ///< at main: the one `stream` block; also inside it
    ServerDraft* draft = nullptr;  ///< the server that is being read
};

extern const conf::Module kCoreModule;

}  // namespace sluice::stream
