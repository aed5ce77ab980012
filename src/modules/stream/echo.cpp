// SPDX-License-Identifier: BSD-2-Clause
// echo: sends back what comes, for tests and health checks.
// Runs in: any (settings), worker (rule).
#include "conf/level.h"
#include "modules/stream/features.h"
#include "proto/stream/session.h"

namespace sluice::modules {

namespace {

using stream::Session;
using stream::Verdict;

constexpr Millis kDefaultIdle{600'000};

struct EchoConf {
    Millis idle{kDefaultIdle};
    bool is_there = false;
};

bool set_echo(conf::Build& build, const conf::Directive& directive, EchoConf& conf) {
    conf.is_there = true;
    if (directive.args.empty()) {
        return true;
    }
    const auto idle = conf::parse_time(directive.args[0].text);
    if (!idle || idle->count() == 0) {
        return build.invalid(directive, directive.args[0], "the longest pause, such as 10m");
    }
    conf.idle = *idle;
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<EchoConf, &set_echo>(
        "echo", conf::kStreamServer, conf::take_range(0, 1),
        "Sends back what a client sends, until it ends or pauses longer than this (10m)."),
};
constexpr conf::ConfKind kKind = conf::kind<EchoConf>("stream echo", kRows);
constexpr conf::Module kConf{"stream echo", &kKind};

Verdict send_back(Session& session, const void* settings) {
    session.wire.echo(static_cast<const EchoConf*>(settings)->idle);
    return Verdict::Taken;
}

stream::BoundRule bind(stream::Phase phase, conf::Level& level) {
    const EchoConf& conf = level.conf<EchoConf>();
    if (phase != stream::Phase::Content || !conf.is_there) {
        return {};
    }
    return {.run = &send_back, .settings = &conf};
}

}  // namespace

constexpr stream::Module kStreamEcho{
    .name = "echo",
    .conf = &kConf,
    .bind = &bind,
};

}  // namespace sluice::modules
