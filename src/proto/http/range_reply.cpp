// SPDX-License-Identifier: BSD-2-Clause
// Range replies: 206 with one part or several, 416.
// Runs in: worker.
#include "proto/http/range_reply.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "proto/http/byte_ranges.h"
#include "proto/http/conditionals.h"
#include "proto/http/core_conf.h"
#include "proto/http/multipart_body.h"
#include "proto/http/site.h"
#include "proto/http/skimmed_body.h"

namespace sluice::http {

namespace {

template <class... Args>
std::string_view formatted(Exchange& exchange, fmt::format_string<Args...> form,
                           const Args&... args) {
    std::array<char, 96> text;
    const auto written =
        fmt::vformat_to_n(text.data(), text.size(), form, fmt::make_format_args(args...));
    return exchange.arena.copy({text.data(), std::min(written.size, text.size())});
}

// "bytes 0-9/10". By hand: this is the path of every seek of every video player.
std::string_view content_range(Exchange& exchange, const ByteRange& range, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes ";
    constexpr std::size_t kDigits = 20;
    char* const out = static_cast<char*>(exchange.arena.allocate(kUnit.size() + 3 * kDigits + 2, 1));
    if (out == nullptr) {
        return {};
    }
    char* at = std::copy(kUnit.begin(), kUnit.end(), out);
    at = std::to_chars(at, at + kDigits, range.first).ptr;
    *at++ = '-';
    at = std::to_chars(at, at + kDigits, range.end - 1).ptr;
    *at++ = '/';
    at = std::to_chars(at, at + kDigits, size).ptr;
    return {out, static_cast<std::size_t>(at - out)};
}

Verdict refuse(Exchange& exchange, std::uint64_t size) {
    exchange.discard_reply();
    exchange.reply.content_range = formatted(exchange, "bytes */{}", size);
    return exchange.finish(416);
}

Verdict give_up(Exchange& exchange) {
    exchange.discard_reply();
    return exchange.finish(500);
}

Verdict answer_one(Exchange& exchange, const ByteRange& range, std::uint64_t size) {
    Reply& reply = exchange.reply;
    if (reply.body == nullptr) {
        reply.memory_body = reply.memory_body.substr(static_cast<std::size_t>(range.first),
                                                     static_cast<std::size_t>(range.size()));
    } else if (!reply.body->select(range.first, range.size())) {
        SkimmedBody* const skimmed = exchange.arena.make<SkimmedBody>(*reply.body, range);
        if (skimmed == nullptr) {
            return give_up(exchange);
        }
        reply.body = skimmed;
    }
    reply.status = 206;
    reply.length = static_cast<std::int64_t>(range.size());
    reply.content_range = content_range(exchange, range, size);
    return Verdict::Decided;
}

// Different for every reply of a worker and not to be guessed from the content: what separates the
// parts must not stand in them (RFC 9110 §14.6).
void make_boundary(const Exchange& exchange, std::array<char, PartHeads::kBoundarySize>& out) {
    std::uint64_t mixed = exchange.wire.connection_number() * 0x9e3779b97f4a7c15U +
                          exchange.wire.request_number() +
                          static_cast<std::uint64_t>(exchange.timings.started.count());
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    mixed ^= mixed >> 31U;
    for (auto at = out.rbegin(); at != out.rend(); ++at) {
        *at = static_cast<char>('0' + mixed % 10);
        mixed /= 10;
    }
}

// Bytes of all parts; and of the largest part head.
std::uint64_t measure(std::string_view ranges, const PartHeads& heads, std::size_t& largest) {
    std::uint64_t total = PartHeads::kEndSize;
    largest = PartHeads::kEndSize;
    RangeReader reader(ranges, heads.size);
    while (const std::optional<ByteRange> range = reader.next()) {
        const std::size_t head = heads.measure(*range);
        total += head + range->size();
        largest = std::max(largest, head);
    }
    return total;
}

Verdict answer_several(Exchange& exchange, std::string_view ranges, std::uint64_t size) {
    Reply& reply = exchange.reply;
    PartHeads* const heads = exchange.arena.make<PartHeads>();
    if (heads == nullptr) {
        return give_up(exchange);
    }
    make_boundary(exchange, heads->boundary);
    heads->content_type = reply.content_type;
    heads->size = size;
    std::size_t largest = 0;
    const std::uint64_t length = measure(ranges, *heads, largest);
    const std::span<char> room =
        exchange.arena.make_span<char>(largest * MultipartBody::kPartsPerPull);
    const MultipartBody::Source source{.body = reply.body, .memory = reply.memory_body};
    MultipartBody* const body =
        exchange.arena.make<MultipartBody>(source, ranges, *heads, room);
    const std::string_view type =
        formatted(exchange, "multipart/byteranges; boundary={}",
                  std::string_view(heads->boundary.data(), heads->boundary.size()));
    if (room.empty() || body == nullptr || type.data() == nullptr) {
        return give_up(exchange);
    }
    reply.body = body;
    reply.memory_body = {};
    reply.status = 206;
    reply.accepts_ranges = false;
    reply.length = static_cast<std::int64_t>(length);
    reply.content_type = type;
    return Verdict::Decided;
}

}  // namespace

Verdict apply_range(Exchange& exchange) {
    const std::string_view value = exchange.request.get(Field::Range);
    Reply& reply = exchange.reply;
    const Validators validators{.etag = reply.etag, .last_modified = reply.last_modified};
    if (value.data() == nullptr || reply.length < 0 || !if_range_holds(exchange.request, validators)) {
        return Verdict::Decided;
    }
    const auto size = static_cast<std::uint64_t>(reply.length);
    // Several parts need a body that goes back and forth.
    const bool is_seekable = reply.body == nullptr || reply.body->select(0, size);
    const std::uint64_t most = *exchange.location->core->max_ranges;
    const RangeAnswer answer =
        judge_ranges(value, size, is_seekable ? most : std::min<std::uint64_t>(most, 1));
    switch (answer.kind) {
        case RangeAnswer::Kind::Whole:
            return Verdict::Decided;
        case RangeAnswer::Kind::One:
            return answer_one(exchange, answer.first, size);
        case RangeAnswer::Kind::Several:
            return answer_several(exchange, value, size);
        case RangeAnswer::Kind::Unsatisfiable:
            return refuse(exchange, size);
    }
    return Verdict::Decided;
}

}  // namespace sluice::http
