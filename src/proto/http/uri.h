// SPDX-License-Identifier: BSD-2-Clause
// Uri: a request target taken apart and its path normalised: percent signs decoded, dot segments
// resolved, double slashes merged. The one place that decides what path a client asked for.
// Runs in: any.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "base/arena.h"

namespace sluice::http {

enum class UriFault : std::uint8_t {
    Malformed,  ///< answer 400
    NoMemory,   ///< the arena is full; answer 500
};

struct Uri {
    std::string_view path;       ///< decoded and normalised, starts with '/' (or is "*")
    std::string_view args;       ///< after the first '?', as received
    std::string_view authority;  ///< of an absolute-form target, else data() == nullptr
    bool is_complex = false;     ///< path differs from the text of the target
};

/// Takes apart an origin-form ("/a?b"), absolute-form ("http://host/a") or asterisk-form target.
/// Fails: Malformed for NUL, bad escapes, control bytes and paths that climb above the root.
/// Lives: views `target`, or `arena` where the path had to be rewritten.
[[nodiscard]] std::expected<Uri, UriFault> parse_target(std::string_view target,
                                                        bool merge_slashes,
                                                        Arena& arena);

/// Normalises a path that may hold '?' and escapes: the targets of internal redirects.
[[nodiscard]] std::expected<std::string_view, UriFault> normalise_path(std::string_view raw,
                                                                       bool merge_slashes,
                                                                       Arena& arena);

/// What escape() protects.
enum class Escape : std::uint8_t {
    Path,       ///< space, '%', '?', '#', controls, bytes above 126: for Location
    Argument,   ///< the same and '&', '+', ';': for a value among arguments
    Component,  ///< everything but unreserved bytes
};
[[nodiscard]] std::string_view escape(std::string_view text, Escape what, Arena& arena);

/// The host in `authority` ("Example.com.:80" → "example.com"): lower case, without port and
/// trailing dot. An address in brackets keeps them.
/// Fails: Malformed for what nginx refuses as a Host.
[[nodiscard]] std::expected<std::string_view, UriFault> parse_host(std::string_view authority,
                                                                   Arena& arena);

}  // namespace sluice::http
