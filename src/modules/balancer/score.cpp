// SPDX-License-Identifier: BSD-2-Clause
// Comparing peers.
// Runs in: worker.
#include "modules/balancer/score.h"

#include <algorithm>

namespace sluice::modules {

namespace {

/// As upstream::PeerState keeps averages.
constexpr std::int64_t kAverageUnit = 1024;

/// In whole milliseconds: less is noise, and those who are alike should take turns.
std::uint64_t average(const upstream::PeerState& state, LeastOf what) {
    const upstream::SharedWord<std::int64_t>& word =
        what == LeastOf::ConnectTime ? state.connect_average
        : what == LeastOf::FirstByte ? state.first_byte_average
                                     : state.last_byte_average;
    const std::int64_t rounded = (word.get() + kAverageUnit / 2) / kAverageUnit;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(rounded, 0));
}

/// How long those in progress have lasted on average.
std::uint64_t inflight(const upstream::PeerState& state, Millis now) {
    const auto count = static_cast<std::int64_t>(state.connections.get());
    if (count == 0) {
        return 0;
    }
    const std::int64_t sum = now.count() * count - state.inflight_since.get();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(sum / count, 0));
}

}  // namespace

std::uint64_t Score::of(const upstream::Peer& peer, Millis now) const {
    const upstream::PeerState& state = *peer.state;
    const std::uint64_t connections = state.connections.get();
    if (what == LeastOf::Connections) {
        return connections;
    }
    std::uint64_t time = average(state, what);
    if (counts_inflight) {
        time = std::max(time, inflight(state, now));
    }
    return (time + 1) * (connections + 1);
}

int Score::compare(const upstream::Peer& a, const upstream::Peer& b, Millis now) const {
    const std::uint64_t first = of(a, now) * b.weight;
    const std::uint64_t second = of(b, now) * a.weight;
    return first < second ? -1 : (first > second ? 1 : 0);
}

bool parse_time_name(std::string_view text, conf::Context context, Score& out) {
    const bool is_http = context == conf::kUpstream;
    if (text == "connect" && !is_http) {
        out.what = LeastOf::ConnectTime;
    } else if (text == "first_byte" || (text == "header" && is_http)) {
        out.what = LeastOf::FirstByte;
    } else if (text == "last_byte") {
        out.what = LeastOf::LastByte;
    } else {
        return false;
    }
    return true;
}

}  // namespace sluice::modules
