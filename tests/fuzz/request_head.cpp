// SPDX-License-Identifier: BSD-2-Clause
// Fuzzes request heads: read whole and read split at a random point they must come to the same
// end, and what is accepted must hold what its readers rely on.
// Runs in: tests.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "proto/http1/body_reader.h"
#include "proto/http1/parser.h"

namespace {

using namespace sluice;  // NOLINT: a program of one file

struct Verdict {
    http1::HeadScan::Outcome outcome = http1::HeadScan::Outcome::More;
    http1::HeadFault fault = http1::HeadFault::None;
    std::string uri, args, host;
    std::size_t size = 0;
    std::size_t body_used = 0;
    std::uint64_t content = 0;
    http1::BodyReader::Outcome body = http1::BodyReader::Outcome::More;

    friend bool operator==(const Verdict&, const Verdict&) = default;
};

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_accepted(const http::Request& request) {
    require(request.uri == "*" || request.uri.starts_with('/'));
    require(request.uri.find('\0') == request.uri.npos);
    require(("/" + std::string(request.uri) + "/").find("/../") == std::string::npos);
    require(request.args.find('\n') == request.args.npos);
    require(!(request.is_chunked && request.content_length >= 0));
    for (const http::Header& header : request.headers) {
        require(!header.name.empty());
        require(header.name.find_first_of(": \t\r\n") == header.name.npos);
        require(header.value.find_first_of("\r\n") == header.value.npos);
        require(header.value.find('\0') == header.value.npos);
    }
}

// The body behind an accepted head, read in two parts.
void read_body(const http::Request& request,
               std::string_view rest,
               std::size_t split,
               Verdict& out) {
    http1::BodyReader reader;
    reader.begin(request);
    out.body =
        reader.is_done() ? http1::BodyReader::Outcome::Done : http1::BodyReader::Outcome::More;
    split = split < rest.size() ? split : rest.size();
    for (std::string_view part : {rest.substr(0, split), rest.substr(split)}) {
        while (!part.empty() && out.body == http1::BodyReader::Outcome::More) {
            const http1::BodyReader::Step step = reader.feed(part);
            require(step.used <= part.size());
            out.body = step.outcome;
            out.body_used += step.used;
            part.remove_prefix(step.used);
        }
    }
    out.content = reader.content();
    if (out.body == http1::BodyReader::Outcome::Malformed) {
        out.body_used = 0;  // how far it came depends on the split
        out.content = 0;
    }
}

Verdict judge(std::string_view bytes, std::size_t split, const http1::HeadLimits& limits) {
    Verdict out;
    http1::HeadScan scan;
    if (split > 0) {
        const std::string first(bytes.substr(0, split));
        out.outcome = scan.feed(first, limits);
    }
    const std::string page(bytes);
    if (out.outcome == http1::HeadScan::Outcome::More) {
        out.outcome = scan.feed(page, limits);
    }
    if (out.outcome != http1::HeadScan::Outcome::Complete) {
        out.fault = scan.fault();
        return out;
    }
    out.size = scan.size();
    require(out.size <= page.size());
    Arena arena(4096, 1 << 20);
    http::Request request;
    out.fault = http1::parse_head(page, scan, limits, arena, request);
    if (out.fault == http1::HeadFault::None) {
        out.fault = http1::fill_target(request, true, arena);
    }
    if (out.fault != http1::HeadFault::None) {
        return out;
    }
    check_accepted(request);
    out.uri = request.uri;
    out.args = request.args;
    out.host = request.host;
    read_body(request, std::string_view(page).substr(out.size), split, out);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    // The choices come last, so that captured requests are seeds as they are.
    const std::uint8_t* const choices = data + size - 2;
    std::string bytes(size - 2, '\0');
    if (!bytes.empty()) {
        std::memcpy(bytes.data(), data, bytes.size());
    }
    http1::HeadLimits limits;
    limits.line = 256;
    limits.total = 1024;
    limits.headers = 20;
    limits.ignores_invalid = (choices[1] & 1) != 0;
    limits.allows_underscores = (choices[1] & 2) != 0;
    limits.allows_bare_lf = (choices[1] & 4) != 0;
    const std::size_t split = bytes.empty() ? 0 : choices[0] * bytes.size() / 255;

    const Verdict whole = judge(bytes, 0, limits);
    require(judge(bytes, split, limits) == whole);
    return 0;
}
