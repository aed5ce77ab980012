// SPDX-License-Identifier: BSD-2-Clause
// set: gives variables their values before the client is judged.
// Runs in: any (settings), worker (rule).
#include <vector>

#include "conf/level.h"
#include "modules/stream/features.h"
#include "proto/stream/session.h"
#include "script/assignment.h"

namespace sluice::modules {

namespace {

using stream::Session;
using stream::Verdict;

struct SetConf {
    std::vector<script::Assignment> assignments;  ///< in the order of the file
};

bool add_assignment(conf::Build& build, const conf::Directive& directive, SetConf& conf) {
    return script::read_assignment(build, directive, conf.assignments.emplace_back());
}

constexpr conf::Row kRows[] = {
    conf::row_fn<SetConf, &add_assignment>(
        "set", conf::kStreamServer, conf::take(2),
        "Give a variable a value; the variable is made where it is new.")
        .repeats(),
};
constexpr conf::ConfKind kKind = conf::kind<SetConf>("stream set", kRows);
constexpr conf::Module kConf{"stream set", &kKind};

Verdict set_all(Session& session, const void* settings) {
    for (const script::Assignment& one : static_cast<const SetConf*>(settings)->assignments) {
        const std::string_view text = session.render(one.value);
        if (text.data() == nullptr || !script::assign(one, &session, text)) {
            session.status = stream::kInternalError;
            return Verdict::Decided;
        }
    }
    return Verdict::Declined;
}

stream::BoundRule bind(stream::Phase phase, conf::Level& level) {
    const SetConf& conf = level.conf<SetConf>();
    if (phase != stream::Phase::Preaccess || conf.assignments.empty()) {
        return {};
    }
    return {.run = &set_all, .settings = &conf};
}

}  // namespace

constexpr stream::Module kStreamSet{
    .name = "set",
    .conf = &kConf,
    .bind = &bind,
};

}  // namespace sluice::modules
