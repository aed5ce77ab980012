// SPDX-License-Identifier: BSD-2-Clause
// Upstreams on the status pages. With a zone the figures are of all workers; without one they are of
// the worker that answers, and the page says so.
// Runs in: worker.
#include "modules/shared/upstream_section.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "conf/generation.h"
#include "upstream/block.h"
#include "upstream/upstreams.h"

namespace sluice::modules {

namespace {

using metrics::JsonWriter;
using metrics::Label;
using metrics::PrometheusWriter;
using metrics::StatusView;
using upstream::GroupSpec;
using upstream::Health;
using upstream::Peer;
using upstream::PeerState;

/// Calls `visit(spec)` for each group of a protocol that runs.
template <class Visit>
void each_group(const StatusView& view, conf::Context scope, const Visit& visit) {
    const auto& conf = view.generation.main_level().conf<upstream::UpstreamConf>();
    for (const GroupSpec* at = conf.groups; at != nullptr; at = at->next) {
        if (at->attached != nullptr && at->scope == scope) {
            visit(*at);
        }
    }
}

template <class Visit>
void each_peer(const GroupSpec& spec, const Visit& visit) {
    const upstream::PeerSet& set = spec.attached->known_peers();
    for (const upstream::PeerSet::Peers* tier : {&set.peers, &set.backup}) {
        for (const upstream::PeerRef& peer : *tier) {
            visit(*peer);
        }
    }
}

Millis now_of(const StatusView& view) {
    return view.generation.main_level().conf<upstream::UpstreamConf>().attached->now();
}

bool is_out(const Peer& peer, Millis now) {
    const PeerState& state = *peer.state;
    return peer.max_fails != 0 && state.fails.get() >= peer.max_fails &&
           now.count() - state.checked.get() <= peer.fail_timeout.count();
}

std::string_view state_of(const Peer& peer, Millis now) {
    if (peer.is_down) {
        return "down";
    }
    if (peer.state->health.get() == Health::Unhealthy) {
        return "unhealthy";
    }
    if (is_out(peer, now)) {
        return "unavail";
    }
    const bool is_full = peer.max_conns != 0 && peer.state->connections.get() >= peer.max_conns;
    return is_full ? "full" : "up";
}

// ---- JSON ----

void latency_json(std::string_view name, const upstream::PeerLatency& latency, JsonWriter& out) {
    out.begin_object(name);
    out.value("count", latency.count());
    out.value("sum", latency.total());
    out.value("p50", latency.quantile(0.5));
    out.value("p90", latency.quantile(0.9));
    out.value("p99", latency.quantile(0.99));
    out.end_object();
}

void checks_json(const PeerState& state, JsonWriter& out) {
    out.begin_object("health_checks");
    out.value("checks", state.checks.get());
    out.value("fails", state.failed_checks.get());
    out.value("unhealthy", state.times_unhealthy.get());
    out.value("last_passed", state.check_fails.get() == 0);
    out.end_object();
}

void peer_json(const Peer& peer, Millis now, bool has_checks, JsonWriter& out) {
    const PeerState& state = *peer.state;
    out.begin_object();
    out.value("server", peer.name);
    out.value("name", peer.server_name);
    out.value("backup", peer.is_backup);
    out.value("weight", peer.weight);
    out.value("state", state_of(peer, now));
    out.value("active", state.connections.get());
    out.value("max_conns", peer.max_conns);
    out.value("selected", state.selected.get());
    out.value("sent", state.sent.get());
    out.value("received", state.received.get());
    out.value("fails", state.failures.get());
    out.value("unavail", state.times_disabled.get());
    if (has_checks) {
        checks_json(state, out);
    }
    latency_json("connect_ms", state.connect_time, out);
    latency_json("first_byte_ms", state.first_byte_time, out);
    out.end_object();
}

void groups_json(const StatusView& view,
                 std::string_view name,
                 conf::Context scope,
                 JsonWriter& out) {
    out.begin_object(name);
    each_group(view, scope, [&](const GroupSpec& spec) {
        out.begin_object(spec.name);
        out.value("method", spec.balancer->name);
        if (spec.zone != nullptr) {
            out.value("zone", spec.zone_name);
        }
        out.value("is_shared", spec.zone != nullptr);
        out.value("no_live_upstreams", spec.attached->state().no_peer.get());
        out.begin_array("peers");
        each_peer(spec, [&](const Peer& peer) {
            peer_json(peer, now_of(view), spec.check != nullptr, out);
        });
        out.end_array();
        out.end_object();
    });
    out.end_object();
}

void write_json(const StatusView& view, JsonWriter& out) {
    if (view.generation.main_level().conf<upstream::UpstreamConf>().attached == nullptr) {
        return;
    }
    out.begin_object("upstreams");
    groups_json(view, "http", conf::kHttp, out);
    groups_json(view, "stream", conf::kStream, out);
    out.end_object();
}

// ---- Prometheus ----

struct Fact {
    std::string_view family;
    std::string_view type;
    std::string_view sentence;
    std::uint64_t (*value)(const Peer& peer, Millis now);
};

// clang-format off
constexpr Fact kFacts[] = {
    {"sluice_upstream_peer_up", "gauge", "Whether the peer may be asked.",
     [](const Peer& peer, Millis now) -> std::uint64_t { return state_of(peer, now) == "up" ? 1 : 0; }},
    {"sluice_upstream_peer_active", "gauge", "Sessions or requests in progress.",
     [](const Peer& peer, Millis) -> std::uint64_t { return peer.state->connections.get(); }},
    {"sluice_upstream_peer_selected_total", "counter", "Sessions or requests that were given to the peer.",
     [](const Peer& peer, Millis) -> std::uint64_t { return peer.state->selected.get(); }},
    {"sluice_upstream_peer_failures_total", "counter", "Attempts that failed.",
     [](const Peer& peer, Millis) -> std::uint64_t { return peer.state->failures.get(); }},
    {"sluice_upstream_peer_unavailable_total", "counter", "Times that max_fails was reached.",
     [](const Peer& peer, Millis) -> std::uint64_t { return peer.state->times_disabled.get(); }},
    {"sluice_upstream_peer_unhealthy_total", "counter", "Times that active checks took it out.",
     [](const Peer& peer, Millis) -> std::uint64_t { return peer.state->times_unhealthy.get(); }},
    {"sluice_upstream_peer_sent_bytes_total", "counter", "Bytes sent to the peer.",
     [](const Peer& peer, Millis) -> std::uint64_t { return peer.state->sent.get(); }},
    {"sluice_upstream_peer_received_bytes_total", "counter", "Bytes received from the peer.",
     [](const Peer& peer, Millis) -> std::uint64_t { return peer.state->received.get(); }},
};
// clang-format on

/// Calls `visit(labels, peer)` for each peer of all groups, each set of labels once.
template <class Visit>
void each_sample(const StatusView& view, const Visit& visit) {
    for (const auto& [scope, name] : {std::pair{conf::kHttp, std::string_view("http")},
                                      std::pair{conf::kStream, std::string_view("stream")}}) {
        each_group(view, scope, [&](const GroupSpec& spec) {
            std::vector<std::string> seen;
            each_peer(spec, [&](const Peer& peer) {
                const std::size_t copies =
                    static_cast<std::size_t>(std::ranges::count(seen, peer.name));
                seen.push_back(peer.name);
                // The same address twice in a group: samples must differ.
                const std::string label =
                    copies == 0 ? peer.name : fmt::format("{}#{}", peer.name, copies + 1);
                const std::array<Label, 3> labels = {
                    Label{"protocol", name}, Label{"upstream", spec.name}, Label{"peer", label}};
                visit(std::span<const Label>(labels), peer);
            });
        });
    }
}

void times(const StatusView& view,
           std::string_view family,
           std::string_view sentence,
           upstream::PeerLatency PeerState::* which,
           PrometheusWriter& out) {
    out.family(family, "summary", sentence);
    each_sample(view, [&](std::span<const Label> labels, const Peer& peer) {
        const upstream::PeerLatency& latency = peer.state->*which;
        const std::uint64_t millis = latency.total();
        out.sample_of("_sum", labels, fmt::format("{}.{:03}", millis / 1000, millis % 1000));
        out.sample_of("_count", labels, fmt::format_int(latency.count()).c_str());
    });
}

void write_prometheus(const StatusView& view, PrometheusWriter& out) {
    const auto& conf = view.generation.main_level().conf<upstream::UpstreamConf>();
    if (conf.attached == nullptr || conf.groups == nullptr) {
        return;
    }
    const Millis now = now_of(view);
    for (const Fact& fact : kFacts) {
        out.family(fact.family, fact.type, fact.sentence);
        each_sample(view, [&](std::span<const Label> labels, const Peer& peer) {
            out.sample(labels, fact.value(peer, now));
        });
    }
    times(view, "sluice_upstream_peer_connect_seconds", "Time to connect.",
          &PeerState::connect_time, out);
    times(view, "sluice_upstream_peer_first_byte_seconds", "Time to the first byte of the answer.",
          &PeerState::first_byte_time, out);
}

}  // namespace

constexpr metrics::Section kUpstreamSection{
    .name = "upstreams",
    .write_json = &write_json,
    .write_prometheus = &write_prometheus,
};

}  // namespace sluice::modules
