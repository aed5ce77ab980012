// SPDX-License-Identifier: BSD-2-Clause
// Report: how an explanation looks, for a person and as JSON.
// Runs in: any (explain, on the command line).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/tree.h"
#include "proto/http/trace.h"

namespace sluice::worker {

/// What came out of one request.
struct Outcome {
    bool is_answered = true;  ///< false: the connection is closed without an answer
    std::string head;         ///< as it would be sent, line ends included
    std::uint64_t body_bytes = 0;
    bool is_bodiless = false;  ///< the request is one for a head
    std::string text;  ///< its beginning
};

struct Report {
    const conf::Tree* tree = nullptr;
    std::string_view prefix;  ///< paths below it are shown without it
    std::string_view method;
    std::string_view url;
};

/// For a person: headings at the margin, what they consist of below, `[file:line]` behind.
[[nodiscard]] std::string as_text(const Report& report,
                                  const http::Trace& trace,
                                  const Outcome& outcome);
/// One line: {"method","url","status","headers","body_bytes","steps"}; status 0: no answer.
[[nodiscard]] std::string as_json(const Report& report,
                                  const http::Trace& trace,
                                  const Outcome& outcome);
/// One line for a question that could not be asked: {"url","error"}.
[[nodiscard]] std::string error_as_json(std::string_view url, std::string_view error);

}  // namespace sluice::worker
