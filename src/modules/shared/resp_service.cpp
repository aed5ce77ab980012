// SPDX-License-Identifier: BSD-2-Clause
// kv in stream: the keys and values of a zone for clients that speak RESP2 or RESP3, redis's protocol.
// Runs in: any (settings), worker (rule).
#include <memory>
#include <string>

#include "base/bug.h"
#include "conf/level.h"
#include "conf/parse_as.h"
#include "conf/row.h"
#include "modules/shared/features.h"
#include "modules/shared/kv_conf.h"
#include "modules/shared/resp_conversation.h"
#include "modules/shared/zone_argument.h"
#include "net/protocol.h"
#include "proto/stream/error_line.h"
#include "proto/stream/session.h"

namespace sluice::modules {

namespace {

using stream::Session;
using stream::Verdict;

constexpr Millis kDefaultIdle{600'000};
/// idle=0: nobody waits that long.
constexpr Millis kForEver{std::int64_t{10} * 366 * 86'400'000};
/// As redis-server's proto-max-bulk-len; a quarter of a shard is less nearly always.
constexpr std::uint64_t kMostBytes = std::uint64_t{512} * 1024 * 1024;

struct RespConf : KvService {
    RespConf() { most = kMostBytes; }

    Millis idle{kDefaultIdle};
};

KvOption read_option(conf::Build&, const conf::Argument& argument, KvService& service) {
    if (argument.text.starts_with("idle=")) {
        if (const std::optional<Millis> idle = conf::parse_time(argument.text.substr(5)); idle) {
            static_cast<RespConf&>(service).idle = idle->count() == 0 ? kForEver : *idle;
            return KvOption::Taken;
        }
    }
    return KvOption::Unknown;
}

constexpr KvOptions kOptions{
    .own = &read_option,
    .most = kMostBytes,
    .expected = "zone=NAME, idle=TIME (0: for ever) or max=SIZE of a value (at most 512m)"};

bool set_kv(conf::Build& build, const conf::Directive& directive, RespConf& conf) {
    return read_kv(build, directive, kOptions, conf);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<RespConf, &set_kv>(
        "kv", conf::kStreamServer, conf::take_range(1, 3),
        "Serve zone=NAME to clients of redis (RESP2, RESP3); idle=TIME: the longest pause (10m), "
        "max=SIZE of a value."),
};
constexpr conf::ConfKind kKind = conf::kind<RespConf>("stream kv", kRows);
constexpr conf::Module kConf{"stream kv", &kKind};

// ---- worker ----

/// Made when the worker starts; lives to its end, as connections use it until then.
RespWorker* shared = nullptr;

void start_worker(net::WorkerContext& context) {
    shared = std::make_unique<RespWorker>(context.loop, context.station).release();
}

/// A conversation and its end.
struct Served : stream::Holding {
    Served(Session& the_session, const RespConf& conf)
        : session(the_session),
          conversation(*shared, zone_of(*conf.zone), conf.most,
                       the_session.wire.connection_number() + 1) {
        release = [](stream::Holding& self) noexcept {
            const std::unique_ptr<Served> gone(static_cast<Served*>(&self));
            if (const std::string_view complaint = gone->conversation.complaint();
                !complaint.empty()) {
                stream::write_error(gone->session, log::Level::Info,
                                    "client sent no RESP: {}", log::Escaped{complaint});
            }
        };
    }

    Session& session;
    RespConversation conversation;
};

Verdict serve(Session& session, const void* settings) {
    const RespConf& conf = *static_cast<const RespConf*>(settings);
    BUG_UNLESS(shared != nullptr, "kv serves outside a worker");
    Served& served = *std::make_unique<Served>(session, conf).release();
    session.hold(served);
    if (!session.wire.converse(served.conversation, conf.idle)) {
        stream::write_error(session, stream::complaint_level(session, log::Level::Error),
                            "kv serves byte streams only");
        session.status = stream::kInternalError;
        return Verdict::Decided;
    }
    return Verdict::Taken;
}

stream::BoundRule bind(stream::Phase phase, conf::Level& level) {
    const RespConf& conf = level.conf<RespConf>();
    if (phase != stream::Phase::Content || !conf.is_on) {
        return {};
    }
    return {.run = &serve, .settings = &conf, .is_for_bytes = true};
}

}  // namespace

constexpr stream::Module kStreamKv{
    .name = "kv",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = &start_worker,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
