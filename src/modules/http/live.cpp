// SPDX-License-Identifier: BSD-2-Clause
// live: one FIFO, many viewers. The reply has no length and no end: chunks for HTTP/1.1, until the
// connection closes for HTTP/1.0. A viewer gets what is written from now on; without a writer it has
// its head and waits.
// Runs in: any (settings), worker (rules, hubs).
#include "modules/http/live.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "base/ascii.h"
#include "log/log.h"
#include "modules/http/features.h"
#include "modules/http/live_conf.h"
#include "proto/http/complain.h"
#include "proto/http/core_conf.h"
#include "proto/http/trace.h"
#include "upstream/peer.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;
using HubRef = upstream::Counted<LiveHub>;

constexpr conf::Module kConf{"live", &kLiveKind};

// ---- a worker's hubs ----

class LiveHubs final : public net::Service {
  public:
    explicit LiveHubs(net::WorkerContext& worker) : worker_(worker) { generation_changed(); }

    ~LiveHubs() override {
        for (auto& [zone, hub] : hubs_) {
            hub->close();
        }
        for (const HubRef& hub : orphans_) {
            hub->close();
        }
    }

    LiveHubs(const LiveHubs&) = delete;
    LiveHubs& operator=(const LiveHubs&) = delete;

    void generation_changed() override {
        conf::Generation& generation = *worker_.current;
        std::map<ZoneId, HubRef> current;
        LiveSpec* const specs = generation.main_level().conf<LiveConf>().specs;
        for (LiveSpec* spec = specs; spec != nullptr; spec = spec->next) {
            if (spec->zone == nullptr || spec->zone->attached == nullptr) {
                continue;
            }
            const auto known = current.find(spec->zone->id);
            HubRef hub = known != current.end() ? known->second : hub_for(*spec);
            if (hub) {
                current.insert_or_assign(spec->zone->id, hub);
                spec->attached = generation.keep(std::make_unique<HubRef>(hub)).get();
            }
        }
        for (auto& [zone, hub] : hubs_) {
            orphans_.push_back(std::move(hub));
        }
        hubs_ = std::move(current);
        std::erase_if(orphans_, [](const HubRef& hub) { return hub->references == 1; });
        for (const HubRef& hub : orphans_) {
            let_go(*hub);
        }
    }

    void retire() override {
        for (auto& [zone, hub] : hubs_) {
            hub->end();
        }
        for (const HubRef& hub : orphans_) {
            hub->end();
        }
    }

  private:
    HubRef hub_for(const LiveSpec& spec) {
        if (const auto known = hubs_.find(spec.zone->id); known != hubs_.end()) {
            HubRef hub = std::move(known->second);
            hubs_.erase(known);
            return hub;
        }
        Result<std::unique_ptr<LiveHub>> made = LiveHub::create(worker_, spec);
        if (!made) {
            log::write(log::Level::Crit, "live: {}", log::Failure{made.error()});
            return {};
        }
        return HubRef(made->release());
    }

    /// A FIFO has one window: a stream goes on where no other took its place.
    void let_go(LiveHub& hub) const {
        const bool is_replaced = std::ranges::any_of(
            hubs_, [&](const auto& other) { return other.second->path() == hub.path(); });
        if (is_replaced) {
            hub.end();
        } else {
            hub.set_orphan();
        }
    }

    net::WorkerContext& worker_;
    std::map<ZoneId, HubRef> hubs_;  ///< of the current generation
    std::vector<HubRef> orphans_;    ///< of earlier ones, with viewers perhaps
};

// ---- a request ----

/// `hub` is null in an explanation, which nobody waits for.
Verdict start(Exchange& exchange, LiveHub* hub, std::uint64_t burst) {
    http::Reply& reply = exchange.reply;
    reply.content_type =
        http::content_type_of(*exchange.location->core, exchange.request.uri);
    reply.is_live = true;
    if (exchange.request.method == http::Method::Head || hub == nullptr) {
        reply.status = 200;
        reply.is_head_only = true;
        return Verdict::Decided;
    }
    void* const room = exchange.arena.allocate(sizeof(LiveBody), alignof(LiveBody));
    if (room == nullptr) {
        return exchange.finish(500);
    }
    LiveBody* const body = std::construct_at(static_cast<LiveBody*>(room), exchange, *hub);
    hub->join(*body, burst);
    reply.body = body;
    reply.status = 200;
    return Verdict::Decided;
}

Verdict serve(Exchange& exchange, const void* settings) {
    const LiveSpec& spec = *static_cast<const LiveSpec*>(settings);
    const http::Method method = exchange.request.method;
    if (method != http::Method::Get && method != http::Method::Head) {
        static_cast<void>(exchange.reply.add(exchange.arena, "Allow", "GET, HEAD"));
        return exchange.finish(405);
    }
    http::tell(exchange, http::Topic::File, "live", "what is written to {} from now on", spec.path);
    if (exchange.trace != nullptr) [[unlikely]] {
        return start(exchange, nullptr, 0);
    }
    LiveHub* const hub = spec.attached;
    if (hub == nullptr) {  // the reason was logged when the generation came
        http::complain(exchange, log::Level::Error,
                       "live: there is no window for the FIFO \"{}\", a reload tries again", spec.path);
        return exchange.finish(503);
    }
    if (!hub->is_ready()) {
        http::complain(exchange, log::Level::Error, "live: the FIFO \"{}\" is not open", spec.path);
        return exchange.finish(503);
    }
    return start(exchange, hub, spec.burst);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    const LiveSpec* const spec = level.conf<LiveConf>().spec;
    return phase == http::Phase::Content && spec != nullptr
               ? http::BoundRule{.run = &serve, .settings = spec}
               : http::BoundRule{};
}

/// Nobody keeps a part of a stream, unless expires or add_header say otherwise.
Verdict forbid_storing(Exchange& exchange, const void*) {
    http::Reply& reply = exchange.reply;
    bool is_said = !reply.is_live;
    for (const http::ReplyHeader* at = reply.headers; at != nullptr; at = at->next) {
        is_said = is_said || equals_ignoring_case(at->name, "Cache-Control");
    }
    if (!is_said) {
        static_cast<void>(reply.add(exchange.arena, "Cache-Control", "no-store"));
    }
    return Verdict::Declined;
}

http::BoundRule bind_head(http::Phase phase, conf::Level& level) {
    return phase == http::Phase::Head && level.conf<LiveConf>().spec != nullptr
               ? http::BoundRule{.run = &forbid_storing, .settings = nullptr}
               : http::BoundRule{};
}

}  // namespace

net::ServiceKind live_service_kind() {
    return {.name = "live",
            .create = [](net::WorkerContext& worker) -> std::unique_ptr<net::Service> {
                return std::make_unique<LiveHubs>(worker);
            }};
}

constexpr http::Module kLive{
    .name = "live",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

constexpr http::Module kLiveHead{
    .name = "live_head",
    .conf = nullptr,
    .bind = &bind_head,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
