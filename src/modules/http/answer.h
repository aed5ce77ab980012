// SPDX-License-Identifier: BSD-2-Clause
// Answer: what `return` says: a status, a text or a redirect.
// Runs in: any (read), worker (give).
#pragma once

#include <optional>

#include "conf/build.h"
#include "proto/http/exchange.h"
#include "script/template.h"

namespace sluice::modules {

struct Answer {
    int status = 0;
    bool has_text = false;
    script::Template text;  ///< the body, or the Location of a redirect
};

/// Reads the arguments of `return`. Nothing: an error was reported.
[[nodiscard]] std::optional<Answer> read_answer(conf::Build& build,
                                                const conf::Directive& directive);

/// Makes `answer` the exchange's reply.
[[nodiscard]] http::Verdict give(http::Exchange& exchange, const Answer& answer);

}  // namespace sluice::modules
