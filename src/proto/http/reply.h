// SPDX-License-Identifier: BSD-2-Clause
// Reply: what the server answers, free of any wire. Handlers fill it; the wire alone decides the
// framing fields (Content-Length or chunked, Connection, Date, Server).
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/units.h"
#include "proto/http/body.h"

namespace sluice::http {

/// nginx's number for "close the connection without an answer": a reply of this status is never
/// sent, only logged.
inline constexpr std::uint16_t kNoAnswer = 444;

struct ReplyHeader {
    std::string_view name;
    std::string_view value;
    ReplyHeader* next = nullptr;
};

/// Lives: all views as long as the exchange.
struct Reply {
    static constexpr std::int64_t kUnknownLength = -1;

    std::uint16_t status = 0;     ///< 0: not decided yet
    bool closes = false;          ///< the connection must not be kept
    bool is_head_only = false;    ///< HEAD, 204, 304: length is announced, no body sent
    /// The body comes when it comes: whatever it gives leaves at once, and a client that goes while
    /// it has nothing is not waited for.
    bool is_live = false;
    bool accepts_ranges = false;  ///< prepared_lines, where there are some, say so themselves
    std::int64_t length = kUnknownLength;
    UnixSeconds last_modified{-1};  ///< below 0: none
    std::string_view reason;  ///< overrides the standard phrase; `return 299 text` keeps it empty
    std::string_view content_type;  ///< whole value, charset included; empty: no field
    std::string_view etag;          ///< with quotes; empty: none
    std::string_view location;      ///< value of Location
    std::string_view content_range;
    /// Header lines that a handler has rendered once and kept ("Content-Type: …\r\nETag: …\r\n"):
    /// copied as they are. Such lines must not repeat a field above that is set.
    std::string_view prepared_lines;
    ReplyHeader* headers = nullptr;  ///< further fields, in order
    ReplyHeader* last_header = nullptr;
    ReplyHeader* trailers = nullptr;  ///< fields behind a chunked body, in order
    Body* body = nullptr;  ///< null: none
    /// A whole body that is in memory and outlives the exchange's sending (small cached file,
    /// error page): sent in one call with the head. Exclusive with `body`.
    std::string_view memory_body;
    /// Called once with `pin` when the exchange ends; keeps `memory_body` valid until then.
    void (*release)(void* pin) = nullptr;
    void* pin = nullptr;

    /// Appends a field; false where the arena is full (answer 500).
    bool add(Arena& arena, std::string_view name, std::string_view value);
    /// The same for a field behind the body.
    bool add_trailer(Arena& arena, std::string_view name, std::string_view value);

    /// Forgets everything but releases nothing; see Exchange::discard_reply.
    void clear() { *this = Reply{}; }
};

/// The standard reason phrase of `status`, RFC 9110 §15; empty where it has none.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace sluice::http
