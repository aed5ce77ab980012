// SPDX-License-Identifier: BSD-2-Clause
// return: a text is the whole answer; then the connection ends.
// Runs in: any (settings), worker (rule).
#include "conf/level.h"
#include "modules/stream/features.h"
#include "proto/stream/session.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

using stream::Session;
using stream::Verdict;

struct ReturnConf {
    script::Template text;
    bool is_there = false;
};

bool set_return(conf::Build& build, const conf::Directive& directive, ReturnConf& conf) {
    conf.is_there = true;
    return script::compile_argument(build, directive.args[0], script::variables_of(build),
                                    conf.text);
}

constexpr conf::Row kRows[] = {
    conf::row_fn<ReturnConf, &set_return>(
        "return", conf::kStreamServer, conf::take(1),
        "Answers every client, or datagram, with this text; a connection ends behind it."),
};
constexpr conf::ConfKind kKind = conf::kind<ReturnConf>("stream return", kRows);
constexpr conf::Module kConf{"stream return", &kKind};

Verdict answer(Session& session, const void* settings) {
    const std::string_view text = session.render(static_cast<const ReturnConf*>(settings)->text);
    if (text.data() == nullptr) {
        session.status = stream::kInternalError;
        return Verdict::Decided;
    }
    if (text.empty()) {
        session.status = stream::kOk;
        return Verdict::Decided;
    }
    session.wire.reply(text);
    return Verdict::Taken;
}

stream::BoundRule bind(stream::Phase phase, conf::Level& level) {
    const ReturnConf& conf = level.conf<ReturnConf>();
    if (phase != stream::Phase::Content || !conf.is_there) {
        return {};
    }
    return {.run = &answer, .settings = &conf};
}

}  // namespace

constexpr stream::Module kStreamReturn{
    .name = "return",
    .conf = &kConf,
    .bind = &bind,
};

}  // namespace sluice::modules
