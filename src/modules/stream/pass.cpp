// SPDX-License-Identifier: BSD-2-Clause
// pass: hands the connection to another listener of this server, of any protocol, as if the client had
// come there. Nothing is copied: the socket itself goes.
// Runs in: any (settings), worker (rule).
#include <string>

#include <fmt/format.h>

#include "conf/level.h"
#include "conf/listen_address.h"
#include "modules/stream/features.h"
#include "proto/stream/error_line.h"
#include "proto/stream/session.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

using stream::Session;
using stream::Verdict;

struct PassConf {
    script::Template target;
    std::string_view key;  ///< of a constant target
    bool is_there = false;
};

bool set_pass(conf::Build& build, const conf::Directive& directive, PassConf& conf) {
    conf.is_there = true;
    if (!script::compile_argument(build, directive.args[0], script::variables_of(build),
                                  conf.target)) {
        return false;
    }
    if (!conf.target.is_constant()) {
        return true;
    }
    const auto keys = conf::listen_keys(conf.target.constant(), 0, build.facts());
    if (!keys || keys->size() != 1) {
        return build.error(directive.args[0],
                           keys ? fmt::format("\"{}\" has several addresses",
                                              conf.target.constant())
                                : keys.error() + " of the \"pass\" directive",
                           "the address of a listen directive, or unix:path");
    }
    conf.key = build.arena().copy(keys->front());
    return true;
}

constexpr conf::Row kRows[] = {
    conf::row_fn<PassConf, &set_pass>(
        "pass", conf::kStreamServer, conf::take(1),
        "Hands the connection to the listener of this address, in stream or http, as if the client "
        "had come there."),
};
constexpr conf::ConfKind kKind = conf::kind<PassConf>("stream pass", kRows);
constexpr conf::Module kConf{"stream pass", &kKind};

std::string_view complaint_of(stream::Passing passing) {
    switch (passing) {
        case stream::Passing::HasInput:
            return "the client's first bytes were read, it cannot pass to";
        case stream::Passing::TooOften:
            return "listeners hand the client round in a circle, no more of it for";
        default:
            return "port not found for";
    }
}

Verdict hand_over(Session& session, const void* settings) {
    const PassConf& conf = *static_cast<const PassConf*>(settings);
    const std::string_view key = conf.key.empty() ? session.render(conf.target) : conf.key;
    const stream::Passing passing =
        key.empty() ? stream::Passing::NoListener : session.wire.pass(key);
    if (passing == stream::Passing::Done) {
        return Verdict::Taken;
    }
    stream::write_error(session, stream::complaint_level(session, log::Level::Error),
                        "{} \"{}\"", complaint_of(passing), log::Escaped{key});
    session.status = stream::kInternalError;
    return Verdict::Decided;
}

stream::BoundRule bind(stream::Phase phase, conf::Level& level) {
    const PassConf& conf = level.conf<PassConf>();
    if (phase != stream::Phase::Content || !conf.is_there) {
        return {};
    }
    return {.run = &hand_over, .settings = &conf, .is_for_bytes = true};
}

}  // namespace

constexpr stream::Module kStreamPass{
    .name = "pass",
    .conf = &kConf,
    .bind = &bind,
};

}  // namespace sluice::modules
