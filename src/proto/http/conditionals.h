// SPDX-License-Identifier: BSD-2-Clause
// Conditional requests (RFC 9110 §13): whether a request for a representation with these
// validators goes on, is answered 304, or fails with 412.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "proto/http/request.h"

namespace sluice::http {

/// `if_modified_since`: how the header of that name is judged.
enum class ModifiedRule : std::uint8_t {
    Off,     ///< the header is ignored
    Exact,   ///< 304 only for exactly the same time
    Before,  ///< 304 for the same time or a later one
};

struct Validators {
    std::string_view etag;          ///< with quotes; empty: none
    UnixSeconds last_modified{-1};  ///< below 0: none
};

enum class Condition : std::uint8_t {
    Proceed,
    NotModified,  ///< answer 304
    Failed,       ///< answer 412
};

/// Judges If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in nginx's order.
[[nodiscard]] Condition judge_conditions(const Request& request,
                                         const Validators& validators,
                                         ModifiedRule rule);

/// Whether a Range may be honoured: true without If-Range, or where its validator is still ours
/// (strong comparison, RFC 9110 §13.1.5).
[[nodiscard]] bool if_range_holds(const Request& request, const Validators& validators);

/// Whether `list` ("*" or a comma-separated list of entity tags) names `etag`. `is_weak_allowed`:
/// weak comparison, W/ prefixes are ignored on both sides.
[[nodiscard]] bool etag_list_has(std::string_view list,
                                 std::string_view etag,
                                 bool is_weak_allowed);

}  // namespace sluice::http
