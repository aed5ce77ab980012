// SPDX-License-Identifier: BSD-2-Clause
// AccessRecord: the body of a record in the access lane: a small head, the request's target cut at
// 255 bytes, for logs whose path has variables the path of this line, then the line. What
// `sluice logs` filters by (status and target) lies in front, so that it never parses lines.
// Runs in: any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::log {

/// The 8 bytes before everything else.
struct AccessHead {
    std::uint16_t status = 0;
    std::uint16_t uri_size = 0;
    std::uint16_t path_size = 0;
    std::uint16_t root_size = 0;
};

static_assert(sizeof(AccessHead) == 8);

/// A target is kept up to here; a filter sees no more of it.
inline constexpr std::size_t kMaxAccessUri = 255;
/// Longest path of a log, and of the directory that must exist for it.
inline constexpr std::size_t kMaxAccessPath = 4095;

/// What stands before the line.
struct AccessMeta {
    std::uint16_t status = 0;  ///< of the reply; 0: none
    std::string_view uri;      ///< the request's target as received; cut at kMaxAccessUri
    std::string_view path;     ///< of this line's log where it has variables, else empty
    std::string_view root;     ///< with `path`: a directory without which nothing is written
};

struct AccessRecord {
    AccessMeta meta;
    std::string_view line;
};

/// Bytes before the line.
[[nodiscard]] inline std::size_t access_prefix_bytes(const AccessMeta& meta) {
    return sizeof(AccessHead) + std::min(meta.uri.size(), kMaxAccessUri) + meta.path.size() +
           meta.root.size();
}

/// Fills the first access_prefix_bytes() of `body`. Requires: path and root within kMaxAccessPath.
inline void encode_prefix(const AccessMeta& meta, std::span<char> body) {
    const std::string_view uri = meta.uri.substr(0, kMaxAccessUri);
    const AccessHead head{.status = meta.status,
                          .uri_size = static_cast<std::uint16_t>(uri.size()),
                          .path_size = static_cast<std::uint16_t>(meta.path.size()),
                          .root_size = static_cast<std::uint16_t>(meta.root.size())};
    std::memcpy(body.data(), &head, sizeof head);
    char* at = body.data() + sizeof head;
    for (const std::string_view part : {uri, meta.path, meta.root}) {
        at = std::copy(part.begin(), part.end(), at);
    }
}

/// Nothing where the body is too short to be what its head says. Views `body`.
[[nodiscard]] inline std::optional<AccessRecord> decode_access(std::string_view body) {
    AccessHead head;
    if (body.size() < sizeof head) {
        return std::nullopt;
    }
    std::memcpy(&head, body.data(), sizeof head);
    body.remove_prefix(sizeof head);
    const std::size_t uri = head.uri_size;
    const std::size_t path = head.path_size;
    const std::size_t root = head.root_size;
    if (uri > kMaxAccessUri || path > kMaxAccessPath || root > kMaxAccessPath ||
        uri + path + root > body.size()) {
        return std::nullopt;
    }
    return AccessRecord{.meta = {.status = head.status,
                                 .uri = body.substr(0, uri),
                                 .path = body.substr(uri, path),
                                 .root = body.substr(uri + path, root)},
                        .line = body.substr(uri + path + root)};
}

}  // namespace sluice::log
