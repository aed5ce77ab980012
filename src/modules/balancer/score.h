// SPDX-License-Identifier: BSD-2-Clause
// What peers are compared by: connections, or measured times.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "conf/build.h"
#include "upstream/peer.h"

namespace sluice::modules {

enum class LeastOf : std::uint8_t { Connections, ConnectTime, FirstByte, LastByte };

/// What a method looks for the least of.
struct Score {
    LeastOf what = LeastOf::Connections;
    bool counts_inflight = false;  ///< times: those that are not over yet count as well

    /// Less is better; to be divided by the peer's weight. Connections as they are; times as the
    /// average multiplied by how many would then be in progress, so that one fast peer does not get
    /// everybody.
    [[nodiscard]] std::uint64_t of(const upstream::Peer& peer, Millis now) const;
    /// Whether the first is better by weight: below 0; equal: 0.
    [[nodiscard]] int compare(const upstream::Peer& a, const upstream::Peer& b, Millis now) const;
};

/// "connect", "first_byte" or "last_byte"; http's "header" is the first byte. False: another word.
[[nodiscard]] bool parse_time_name(std::string_view text, conf::Context context, Score& out);

}  // namespace sluice::modules
