// SPDX-License-Identifier: BSD-2-Clause
// stub_status: nginx's page of seven numbers, byte for byte, and its four variables.
// Runs in: any (settings), worker (rule).
#include <functional>
#include <iterator>

#include <fmt/format.h>

#include "modules/http/features.h"
#include "modules/http/status_sections.h"
#include "proto/http/exchange.h"
#include "proto/http/meter.h"
#include "proto/http/trace.h"
#include "script/value_text.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct StubStatusConf {
    bool is_on = false;  ///< for this very block; not inherited
};

bool set_on(conf::Build&, const conf::Directive&, StubStatusConf& conf) {
    conf.is_on = true;
    return true;
}

constexpr conf::Row kRows[] = {
    // One argument, whatever it is, was needed before nginx 1.7.5.
    conf::row_fn<StubStatusConf, &set_on>(
        "stub_status", conf::kServer | conf::kLocation, conf::take_range(0, 1),
        "Answer with nginx's seven numbers about connections and requests."),
};
constexpr conf::ConfKind kKind = conf::kind<StubStatusConf>("stub_status", kRows);
constexpr conf::Module kConf{"stub_status", &kKind};

/// The numbers, with the connection that asks where it belongs.
ConnectionCounts counts_for(const Exchange& exchange) {
    const metrics::Station* const station =
        exchange.meter == nullptr ? nullptr : exchange.meter->station();
    if (station == nullptr) {
        return {};
    }
    exchange.wire.publish_state();
    return count_connections(*station);
}

Verdict show(Exchange& exchange, const void*) {
    const http::Method method = exchange.request.method;
    if (method != http::Method::Get && method != http::Method::Head) {
        return exchange.finish(405);
    }
    http::tell(exchange, http::Topic::File, "stub_status", "a page of this process' counters");
    const ConnectionCounts counts = counts_for(exchange);
    constexpr std::size_t kRoom = 256;  // seven numbers of at most 20 digits
    char* const room = static_cast<char*>(exchange.arena.allocate(kRoom, 1));
    if (room == nullptr) {
        return exchange.finish(500);
    }
    const auto written = fmt::format_to_n(
        room, kRoom,
        "Active connections: {} \nserver accepts handled requests\n {} {} {} \n"
        "Reading: {} Writing: {} Waiting: {} \n",
        counts.active(), counts.accepted, counts.handled, counts.requests, counts.reading,
        counts.writing, counts.waiting);
    http::Reply& reply = exchange.reply;
    reply.content_type = "text/plain";
    reply.memory_body = {room, written.size};
    reply.length = static_cast<std::int64_t>(written.size);
    return exchange.finish(200);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const bool is_here = phase == http::Phase::Content && level.conf<StubStatusConf>().is_on;
    return is_here ? http::BoundRule{.run = &show, .settings = nullptr} : http::BoundRule{};
}

/// `kWhich` is a number of the counts, or computes one.
template <auto kWhich>
script::Value get_count(const void* subject, Arena& arena, std::string_view) {
    const ConnectionCounts counts = counts_for(*static_cast<const Exchange*>(subject));
    return script::number_text(arena, std::invoke(kWhich, counts));
}

constexpr script::VariableRow kVariables[] = {
    {.name = "connections_active",
     .get = &get_count<&ConnectionCounts::active>,
     .sentence = "Open connections of all workers.",
     .is_number = true},
    {.name = "connections_reading",
     .get = &get_count<&ConnectionCounts::reading>,
     .sentence = "Connections whose request's head is being read.",
     .is_number = true},
    {.name = "connections_writing",
     .get = &get_count<&ConnectionCounts::writing>,
     .sentence = "Connections whose request is being worked on or answered.",
     .is_number = true},
    {.name = "connections_waiting",
     .get = &get_count<&ConnectionCounts::waiting>,
     .sentence = "Connections that wait for their next request.",
     .is_number = true},
};

}  // namespace

constexpr http::Module kStubStatus{
    .name = "stub_status",
    .conf = &kConf,
    .bind = &bind,
    .variables = kVariables,
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
