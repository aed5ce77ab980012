// SPDX-License-Identifier: BSD-2-Clause
// Contexts: the kinds of block in which a directive may stand.
// Runs in: any.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::conf {

enum Context : std::uint32_t {
    kMain = 1U << 0,
    kEvents = 1U << 1,
    kHttp = 1U << 2,
    kServer = 1U << 3,
    kLocation = 1U << 4,
    kLimitExcept = 1U << 5,
    kServerIf = 1U << 6,
    kLocationIf = 1U << 7,
    kTypes = 1U << 8,
    kMap = 1U << 9,
    kGeo = 1U << 10,
    kSplitClients = 1U << 11,
    kUpstream = 1U << 12,
    kStream = 1U << 13,
    kStreamServer = 1U << 14,
    kStreamUpstream = 1U << 15,
};

/// A set of contexts.
using ContextMask = std::uint32_t;

inline constexpr ContextMask kAnyHttp = kHttp | kServer | kLocation;

/// "http, server, location".
[[nodiscard]] std::string context_names(ContextMask mask);

}  // namespace sluice::conf
