// SPDX-License-Identifier: BSD-2-Clause
// What a request asks of the keys and values: which key, which value, for how long, on which
// condition.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "modules/shared/kv_conf.h"
#include "proto/http/exchange.h"
#include "shm/zone_user.h"

namespace sluice::modules {

inline constexpr std::size_t kLongestType = 255;
/// The media type of bytes of which nobody has said it.
inline constexpr std::string_view kDefaultType = "application/octet-stream";

/// What follows the location's name, or the configured text; data() == nullptr: arena full.
[[nodiscard]] std::string_view kv_key(http::Exchange& exchange, const KvConf& conf);

/// The value of an argument of the query, or nothing.
[[nodiscard]] std::optional<std::string_view> query_argument(std::string_view args,
                                                             std::string_view name);

/// How long the client wants its value kept: ?ttl=, X-TTL or Cache-Control: max-age, in seconds; 0
/// for ever. `ttl` stays where nothing is said. False: no number, or more than a hundred years.
[[nodiscard]] bool read_ttl(const http::Request& request, Millis& ttl);

/// What If-Match and If-None-Match ask of a change. RFC 9110 §13.1.1, §13.1.2.
struct ChangeCondition {
    bool is_good = true;  ///< false: cannot hold, 412
    shm::PutWhen when = shm::PutWhen::Always;
    std::uint64_t version = 0;
};

[[nodiscard]] ChangeCondition change_condition(const http::Request& request);

/// The entry of a PUT: {length of the media type} media type, body. Empty: the body cannot be read.
[[nodiscard]] std::string packed_entry(const http::Exchange& exchange);

}  // namespace sluice::modules
