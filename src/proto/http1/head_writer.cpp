// SPDX-License-Identifier: BSD-2-Clause
// Heads of replies.
// Runs in: worker.
#include "proto/http1/head_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include "proto/http/error_pages.h"
#include "proto/http/http_date.h"
#include "proto/http1/bytes.h"

namespace sluice::http1 {

namespace {

constexpr std::size_t kMaxReason = 128;

// Appends to memory that is known to be large enough.
struct Pen {
    char* at;

    void text(std::string_view bytes) {
        if (!bytes.empty()) {
            std::memcpy(at, bytes.data(), bytes.size());
            at += bytes.size();
        }
    }

    // A value that a configuration or a client had a part in. It must not end its line; other
    // control bytes leave as they are, as with nginx.
    void value(std::string_view bytes) {
        char* const begin = at;
        text(bytes);
        if (has_control_byte(bytes)) {
            // What would start a new line; other control bytes pass, as in nginx.
            std::replace_if(
                begin, at, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
        }
    }

    void field(std::string_view name, std::string_view bytes) {
        text(name);
        value(bytes);
        text("\r\n");
    }

    void number(std::int64_t value) { at = std::to_chars(at, at + 20, value).ptr; }

    void date(UnixSeconds when) {
        http::format_http_date(when, std::span<char, http::kHttpDateSize>(at, http::kHttpDateSize));
        at += http::kHttpDateSize;
    }
};

}  // namespace

std::size_t HeadWriter::bound(const http::Reply& reply) {
    constexpr std::size_t kFixedFields =
        512;  // names, line ends, numbers and dates of what follows
    std::size_t size = kMaxStart + kFixedFields + reply.content_type.size() + reply.etag.size() +
                       reply.location.size() + reply.content_range.size() +
                       reply.prepared_lines.size();
    for (const http::ReplyHeader* field = reply.headers; field != nullptr; field = field->next) {
        size += field->name.size() + field->value.size() + 4;
    }
    return size;
}

std::size_t HeadWriter::render(const http::Exchange& exchange,
                               const Framing& framing,
                               UnixSeconds now,
                               char* out) {
    const http::Reply& reply = exchange.reply;
    const Start& start = start_of(exchange, now);
    Pen pen{out};
    pen.text({start.text.data(), start.size});
    if (!reply.content_type.empty()) {
        pen.field("Content-Type: ", reply.content_type);
    }
    if (framing.has_length) {
        pen.text("Content-Length: ");
        pen.number(reply.length);
        pen.text("\r\n");
    } else if (framing.is_chunked) {
        pen.text("Transfer-Encoding: chunked\r\n");
    }
    if (reply.last_modified.count() >= 0) {
        pen.text("Last-Modified: ");
        pen.date(reply.last_modified);
        pen.text("\r\n");
    }
    if (!reply.location.empty()) {
        pen.field("Location: ", reply.location);
    }
    pen.text(framing.keeps_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
    if (framing.keeps_alive && framing.keepalive_header > 0) {
        pen.text("Keep-Alive: timeout=");
        pen.number(framing.keepalive_header);
        pen.text("\r\n");
    }
    if (!reply.etag.empty()) {
        pen.field("ETag: ", reply.etag);
    }
    if (!reply.content_range.empty()) {
        pen.field("Content-Range: ", reply.content_range);
    } else if (reply.accepts_ranges && reply.prepared_lines.empty()) {
        pen.text("Accept-Ranges: bytes\r\n");
    }
    pen.text(reply.prepared_lines);
    for (const http::ReplyHeader* field = reply.headers; field != nullptr; field = field->next) {
        pen.value(field->name);
        pen.text(": ");
        pen.value(field->value);
        pen.text("\r\n");
    }
    pen.text("\r\n");
    return static_cast<std::size_t>(pen.at - out);
}

const HeadWriter::Start& HeadWriter::start_of(const http::Exchange& exchange, UnixSeconds now) {
    const http::Reply& reply = exchange.reply;
    const std::string_view token = http::server_token(exchange);
    const bool is_odd = reply.reason.data() != nullptr;
    Start& start = is_odd ? odd_ : starts_[reply.status % starts_.size()];
    if (is_odd || start.status != reply.status || start.token != token.data() ||
        start.second != now) {
        start.status = reply.status;
        start.token = token.data();
        start.second = now;
        fill(start, reply, token);
    }
    return start;
}

void HeadWriter::fill(Start& start, const http::Reply& reply, std::string_view token) {
    const std::string_view reason =
        reply.reason.data() != nullptr ? reply.reason : http::reason_phrase(reply.status);
    Pen pen{start.text.data()};
    pen.text("HTTP/1.1 ");
    pen.number(reply.status);
    pen.text(" ");
    pen.value(reason.substr(0, kMaxReason));
    if (!token.empty()) {
        pen.text("\r\nServer: ");
        pen.value(token.substr(0, 128));
    }
    pen.text("\r\nDate: ");
    pen.date(start.second);
    pen.text("\r\n");
    start.size = static_cast<std::size_t>(pen.at - start.text.data());
}

}  // namespace sluice::http1
