// SPDX-License-Identifier: BSD-2-Clause
// HeadScan: finds where a request's head ends while its bytes arrive in pieces, and takes the
// request line apart. It keeps offsets only, so the page under it may move to a larger one.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/http/request.h"

namespace sluice::http1 {

/// Why a head is refused; each has one answer, see status_of().
enum class HeadFault : std::uint8_t {
    None,
    Malformed,        ///< 400
    LineTooLong,      ///< 414
    HeadersTooLarge,  ///< 400, with a page of its own
    BadVersion,       ///< 505
    BadCoding,        ///< 501: a transfer coding other than chunked
    BadMethod,        ///< 405: CONNECT and TRACE, which no origin server here serves
    NoMemory,         ///< 500
};

[[nodiscard]] int status_of(HeadFault fault);

/// What a head may be, from the settings of the port's default server.
struct HeadLimits {
    std::uint32_t line =
        8192;  ///< bytes of the request line or of one field line, line end included
    std::uint32_t total = 33'792;  ///< bytes of the whole head
    std::uint32_t headers = 1000;  ///< number of field lines
    bool ignores_invalid = true;   ///< drop fields whose name has odd characters
    bool allows_underscores = false;
    bool allows_bare_lf = false;  ///< a lone LF ends a line, as for nginx
};

/// Where the parts of a request line stand, as offsets from the first byte of the request.
struct RequestLine {
    std::uint32_t begin = 0;  ///< first byte that is not an empty line
    std::uint32_t end = 0;    ///< line end excluded
    std::uint32_t target = 0;
    std::uint32_t method_end = 0;
    std::uint32_t target_end = 0;
    http::Version version = http::Version::Http11;
};

/// Reads `line` (without its line end); offsets in `out` count from `line`'s first byte.
[[nodiscard]] HeadFault parse_request_line(std::string_view line, RequestLine& out);

class HeadScan {
  public:
    enum class Outcome : std::uint8_t { More, Complete, Fault };

    /// Goes on with `bytes`: everything received of this request so far, and perhaps bytes behind
    /// it. After Complete, size() bytes are the head.
    [[nodiscard]] Outcome feed(std::string_view bytes, const HeadLimits& limits);

    [[nodiscard]] std::uint32_t size() const { return line_begin_; }

    [[nodiscard]] const RequestLine& line() const { return line_; }

    [[nodiscard]] std::uint32_t field_lines() const { return field_lines_; }

    [[nodiscard]] HeadFault fault() const { return fault_; }

    [[nodiscard]] bool has_request_line() const { return stage_ != Stage::RequestLine; }

  private:
    enum class Stage : std::uint8_t { RequestLine, Fields, Done };

    // Inline, in the source file: one caller there, and every line of every head.
    Outcome refuse(HeadFault fault);
    inline Outcome take_line(std::string_view bytes, std::uint32_t end, const HeadLimits& limits);
    Outcome wait_for_more(std::string_view bytes, const HeadLimits& limits);

    RequestLine line_;
    std::uint32_t line_begin_ = 0;  // of the line being received
    std::uint32_t scanned_ = 0;     // no LF from line_begin_ up to here
    std::uint32_t field_lines_ = 0;
    Stage stage_ = Stage::RequestLine;
    HeadFault fault_ = HeadFault::None;
};

}  // namespace sluice::http1
