// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: keys and values over HTTP, in a zone that RESP clients use too. Lines: a method and a
// target behind /kv/, fields, an empty line, the body; then, after a line "--", the next request. What
// is answered has a status that the feature knows, fields of one line, and the value that was put.
// Runs in: tests.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/bug.h"
#include "event/loop.h"
#include "lines.h"
#include "log/lane_log.h"
#include "modules/shared/kv_conf.h"
#include "modules/shared/kv_entry.h"
#include "modules/shared/worker_context.h"
#include "support/no_wire.h"
#include "support/one_file.h"
#include "proto/http/site.h"
#include "shm/shared_log.h"
#include "shm/zone_user.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file
using http::Field;
using http::Method;

constexpr std::string_view kConf =
    "http { access_log off; kv_zone z 1m shards=2; server { listen 127.0.0.1:80; "
    "location /kv/ { kv zone=z max=64k; client_max_body_size 1m; } } }";

/// A worker that serves nobody else.
struct House {
    House() {
        BUG_UNLESS(sys::RobustOwner::start(owner).has_value(), "no owner of locks");
        modules::use_worker_context(context);
        generation->zones().front()->attached = &user;
    }

    static conf::GenerationRef compile() {
        support::OneFile facts(kConf);
        conf::Compiled compiled = support::compile(facts);
        BUG_UNLESS(compiled.generation != nullptr, "the configuration is refused");
        return conf::GenerationRef(std::move(compiled.generation));
    }

    shm::Zone zone =
        shm::Zone::create(modules::kPairs, {.bytes = 1 << 20, .shards = 2}).value();
    sys::RobustOwner owner;
    shm::ZoneUser user{zone, owner};
    std::unique_ptr<event::Loop> loop = event::Loop::create().value();
    shm::SharedLog region = shm::SharedLog::create(1).value();
    log::LaneLog lanes{region, SlotId{0}, -1};
    conf::GenerationRef generation = compile();
    net::WorkerContext context{.loop = *loop, .lanes = lanes, .current = generation};
};

Method method_of(std::string_view name) {
    constexpr std::array kMethods{std::pair{"GET", Method::Get}, std::pair{"HEAD", Method::Head},
                                  std::pair{"PUT", Method::Put}, std::pair{"POST", Method::Post},
                                  std::pair{"DELETE", Method::Delete}};
    for (const auto& [text, method] : kMethods) {
        if (name == text) {
            return method;
        }
    }
    return Method::Other;
}

bool is_one_line(std::string_view value) {
    return value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos;
}

struct Fields {
    std::vector<http::Header> all;

    void take(std::string_view line) {
        const std::size_t colon = line.find(':');
        if (colon == line.npos || all.size() >= 16 || !is_one_line(line)) {
            return;
        }
        const std::string_view name = line.substr(0, colon);
        all.push_back({.name = name,
                       .value = line.substr(colon + 1),
                       .field = name == "If-Match"        ? Field::IfMatch
                                : name == "If-None-Match" ? Field::IfNoneMatch
                                : name == "Content-Type"  ? Field::ContentType
                                                          : Field::Other});
    }

    void give_to(http::Request& request) const {
        request.headers = all;
        for (const http::Header& header : all) {
            if (header.field != Field::Other &&
                request.known[static_cast<std::size_t>(header.field)] == nullptr) {
                request.known[static_cast<std::size_t>(header.field)] = &header;
            }
        }
    }
};

void check(const http::Exchange& exchange, std::string_view body) {
    const http::Reply& reply = exchange.reply;
    constexpr std::array kStatuses{200, 201, 204, 304, 400, 404, 405, 409, 412, 413, 503, 507};
    BUG_UNLESS(std::ranges::find(kStatuses, int{reply.status}) != kStatuses.end(),
               "a status that kv does not give");
    BUG_UNLESS(is_one_line(reply.etag), "a line end in the entity tag");
    for (const http::ReplyHeader* at = reply.headers; at != nullptr; at = at->next) {
        BUG_UNLESS(is_one_line(at->value), "a line end in a field");
    }
    if (exchange.request.method == Method::Put && (reply.status == 201 || reply.status == 204)) {
        BUG_UNLESS(exchange.body.size() == body.size(), "a part of the body");
    }
}

void ask(House& house, std::string_view head, std::string_view body) {
    const std::string_view line = fuzz::take_line(head);
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view target = line.substr(std::min(blank + 1, line.size()));
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::string uri = "/kv/" + std::string(target.substr(0, mark));
    Fields fields;
    while (!head.empty()) {
        fields.take(fuzz::take_line(head));
    }
    Arena arena(4096, 1 << 20);
    support::NoWire wire;
    http::Exchange exchange(wire, arena);
    exchange.generation = house.generation;
    exchange.port = http::find_port(*house.generation, ListenerId{1});
    exchange.server = exchange.port->default_server;
    exchange.request.method = method_of(line.substr(0, blank));
    exchange.request.method_text = "X";
    exchange.request.target = exchange.request.uri = uri;
    exchange.request.args = target.substr(std::min(mark + 1, target.size()));
    exchange.request.content_length = static_cast<std::int64_t>(body.size());
    fields.give_to(exchange.request);
    bool is_decided = http::run_phases(exchange);
    if (!is_decided && exchange.body_then != nullptr) {
        const int status = exchange.keep_body(body);
        is_decided = exchange.body_ended(status);
    }
    BUG_UNLESS(is_decided, "a request waits");
    check(exchange, body);
    exchange.end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static House house;
    BUG_UNLESS(house.user.clear(), "a lock is wedged");
    std::string_view rest(static_cast<const char*>(static_cast<const void*>(data)), size);
    // What a RESP client may have left there: any bytes, as long as they begin like an entry.
    static_cast<void>(house.user.put(
        "k", rest.substr(0, 300), {.now = house.loop->now(), .head = modules::kPlainHead}));
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find("\n--\n"), rest.size());
        const std::string_view one = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 4, rest.size()));
        const std::size_t head = std::min(one.find("\n\n"), one.size());
        ask(house, one.substr(0, head), one.substr(std::min(head + 2, one.size())));
    }
    BUG_UNLESS(house.zone.stats().resets == 0, "a shard made no sense");
    return 0;
}
