// SPDX-License-Identifier: BSD-2-Clause
// Finding the end of a head; the request line.
// Runs in: worker.
#include "proto/http1/head_scan.h"

#include <cstring>

#include "proto/http1/bytes.h"

namespace sluice::http1 {

namespace {

// "HTTP/1.1" and its like.
HeadFault parse_version(std::string_view text, http::Version& version) {
    if (text.size() == 8 && std::memcmp(text.data(), "HTTP/1.1", 8) == 0) [[likely]] {
        version = http::Version::Http11;
        return HeadFault::None;
    }
    if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
        !is_digit(text[7]) || text[5] == '0') {
        return HeadFault::Malformed;
    }
    if (text[5] != '1') {
        return HeadFault::BadVersion;
    }
    // RFC 9110 §2.5: a higher minor version is served as the highest one known.
    version = text[7] == '0' ? http::Version::Http10 : http::Version::Http11;
    return HeadFault::None;
}

std::uint32_t narrow(std::size_t value) {
    return static_cast<std::uint32_t>(value);
}

std::size_t without_cr(std::string_view bytes, std::size_t begin, std::size_t lf) {
    return lf > begin && bytes[lf - 1] == '\r' ? lf - 1 : lf;
}

}  // namespace

int status_of(HeadFault fault) {
    switch (fault) {
        case HeadFault::None:
        case HeadFault::Malformed:
        case HeadFault::HeadersTooLarge:
            return 400;
        case HeadFault::LineTooLong:
            return 414;
        case HeadFault::BadVersion:
            return 505;
        case HeadFault::BadCoding:
            return 501;
        case HeadFault::BadMethod:
            return 405;
        case HeadFault::NoMemory:
            return 500;
    }
    return 400;
}

HeadFault parse_request_line(std::string_view line, RequestLine& out) {
    const bool is_get = line.size() > 4 && std::memcmp(line.data(), "GET ", 4) == 0;
    std::size_t method_end = is_get ? 3 : 0;
    while (method_end < line.size() && is_token_byte(line[method_end])) {
        ++method_end;
    }
    if (method_end == 0 || method_end == line.size() || line[method_end] != ' ') {
        return HeadFault::Malformed;
    }
    const std::size_t target = method_end + 1;
    const std::size_t space = line.find(' ', target);
    const std::size_t target_end = space == std::string_view::npos ? line.size() : space;
    if (target_end == target || has_low_byte(line.substr(target, target_end - target))) {
        return HeadFault::Malformed;
    }
    out.method_end = narrow(method_end);
    out.target = narrow(target);
    out.target_end = narrow(target_end);
    out.end = narrow(line.size());
    if (space == std::string_view::npos) {
        // HTTP/0.9 knows "GET /path" and nothing else.
        out.version = http::Version::Http09;
        return is_get && line[target] == '/' ? HeadFault::None : HeadFault::Malformed;
    }
    return parse_version(line.substr(space + 1), out.version);
}

HeadScan::Outcome HeadScan::feed(std::string_view bytes, const HeadLimits& limits) {
    if (stage_ == Stage::Done) {
        return fault_ == HeadFault::None ? Outcome::Complete : Outcome::Fault;
    }
    for (;;) {
        const char* const from = bytes.data() + scanned_;
        const std::size_t left = bytes.size() - scanned_;
        const bool is_empty = left >= 2 && from[0] == '\r' && from[1] == '\n';  // ends most heads
        const void* const found = is_empty ? from + 1 : std::memchr(from, '\n', left);
        if (found == nullptr) {
            scanned_ = narrow(bytes.size());
            return wait_for_more(bytes, limits);
        }
        const auto lf = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
        const Outcome outcome = take_line(bytes, narrow(lf), limits);
        if (outcome != Outcome::More) {
            return outcome;
        }
    }
}

// A line is complete: [line_begin_, lf].
HeadScan::Outcome HeadScan::take_line(std::string_view bytes,
                                      std::uint32_t lf,
                                      const HeadLimits& limits) {
    const std::uint32_t begin = line_begin_;
    const std::size_t end = without_cr(bytes, begin, lf);
    const bool is_first = stage_ == Stage::RequestLine;
    if (is_first && end > begin && !is_token_byte(bytes[begin])) {
        return refuse(HeadFault::Malformed);  // before the length, as wait_for_more() judges
    }
    if (lf + 1 - begin > limits.line) {
        return refuse(is_first ? HeadFault::LineTooLong : HeadFault::HeadersTooLarge);
    }
    if (lf + 1 > limits.total) {
        return refuse(HeadFault::HeadersTooLarge);
    }
    if (end == lf && !limits.allows_bare_lf) {
        // RFC 9112 §2.2: it may be taken for a line's end; whoever does not, reads another request.
        return refuse(HeadFault::Malformed);
    }
    line_begin_ = scanned_ = lf + 1;
    if (!is_first) {
        if (end == begin) {
            stage_ = Stage::Done;
            return Outcome::Complete;
        }
        return ++field_lines_ > limits.headers ? refuse(HeadFault::HeadersTooLarge) : Outcome::More;
    }
    if (end == begin) {
        return Outcome::More;  // RFC 9112 §2.2: empty lines before the request line are skipped
    }
    const HeadFault fault = parse_request_line(bytes.substr(begin, end - begin), line_);
    line_.begin = begin;
    line_.method_end += begin;
    line_.target += begin;
    line_.target_end += begin;
    line_.end = narrow(end);
    stage_ = Stage::Fields;
    if (fault != HeadFault::None) {
        return refuse(fault);
    }
    if (line_.version == http::Version::Http09) {
        stage_ = Stage::Done;
        return Outcome::Complete;
    }
    return Outcome::More;
}

// No line end yet: what can be refused already, is. A TLS client on a plain port sends none.
HeadScan::Outcome HeadScan::wait_for_more(std::string_view bytes, const HeadLimits& limits) {
    const bool is_first = stage_ == Stage::RequestLine;
    if (is_first && line_begin_ < bytes.size()) {
        const bool may_be_empty = bytes.substr(line_begin_) == "\r";
        if (!is_token_byte(bytes[line_begin_]) && !may_be_empty) {
            return refuse(HeadFault::Malformed);
        }
    }
    if (bytes.size() - line_begin_ >= limits.line) {
        return refuse(is_first ? HeadFault::LineTooLong : HeadFault::HeadersTooLarge);
    }
    return bytes.size() >= limits.total ? refuse(HeadFault::HeadersTooLarge) : Outcome::More;
}

HeadScan::Outcome HeadScan::refuse(HeadFault fault) {
    stage_ = Stage::Done;
    fault_ = fault;
    return Outcome::Fault;
}

}  // namespace sluice::http1
