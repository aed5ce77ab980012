// SPDX-License-Identifier: BSD-2-Clause
// HeadWriter: renders the head of a reply. Status line, Server and Date are kept as one block per
// status, made anew when the second changes; the rest is copied behind it.
// Runs in: worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "proto/http/exchange.h"

namespace sluice::http1 {

/// What the wire decides about a reply.
struct Framing {
    bool keeps_alive = false;
    bool is_chunked = false;
    bool has_length = false;            ///< Content-Length is sent
    std::int64_t keepalive_header = 0;  ///< seconds for a Keep-Alive field; 0: none
};

/// One per worker.
class HeadWriter {
  public:
    /// No head of `reply` is longer than this.
    [[nodiscard]] static std::size_t bound(const http::Reply& reply);

    /// Writes the head to `out`, which has room for bound(); gives its size. CR, LF
    /// and NUL in values become spaces: no value can end its line.
    [[nodiscard]] std::size_t render(const http::Exchange& exchange,
                                     const Framing& framing,
                                     UnixSeconds now,
                                     char* out);

  private:
    static constexpr std::size_t kMaxStart = 320;

    struct Start {
        std::uint16_t status = 0;
        const char* token = nullptr;  // the Server value's address stands for it
        UnixSeconds second{-1};
        std::size_t size = 0;
        std::array<char, kMaxStart> text;
    };

    [[nodiscard]] const Start& start_of(const http::Exchange& exchange, UnixSeconds now);
    static void fill(Start& start, const http::Reply& reply, std::string_view token);

    std::array<Start, 8> starts_;
    Start odd_;  // replies with a reason of their own
};

}  // namespace sluice::http1
