// SPDX-License-Identifier: BSD-2-Clause
// ListenSpec: an address that a configuration asks the master to listen on.
// Runs in: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"
#include "conf/tree.h"

namespace sluice::conf {

/// Options of a listening socket.
struct ListenOptions {
    int backlog = 511;
    bool reuseport = false;
    bool ipv6only = true;
    bool deferred = false;
    bool so_keepalive = false;
    int keepalive_idle = 0;  ///< seconds before the first probe; 0: the kernel's
    int keepalive_interval = 0;  ///< seconds between probes
    int keepalive_count = 0;     ///< unanswered probes that end the connection
    int rcvbuf = 0;  ///< bytes; 0: the kernel's
    int sndbuf = 0;
    int fastopen = 0;  ///< queue length; 0: off
    friend bool operator==(const ListenOptions&, const ListenOptions&) = default;
};

/// One address to listen on. Several servers may share it.
struct ListenSpec {
    ListenerId id;
    std::string_view
        key;  ///< canonical: "0.0.0.0:8080", "[::]:80", "unix:/path"; "udp:" before datagrams
    ListenOptions options;
    std::string_view protocol;      ///< name of the net::ProtocolKind
    const void* service = nullptr;  ///< what the protocol made of it (http: Port)
    Position at;
};

/// What is counted of one server, or of one location of it.
struct SeriesSpec {
    SeriesId id;
    std::string_view server;    ///< empty: a location's own name (status_zone)
    std::string_view location;  ///< where is_location
    bool is_location = false;
};

}  // namespace sluice::conf
