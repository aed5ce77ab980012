// SPDX-License-Identifier: BSD-2-Clause
// The reply that a file is.
// Runs in: worker.
#include "modules/http/file_reply.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "modules/http/file_body.h"
#include "modules/http/files.h"
#include "proto/http/conditionals.h"
#include "proto/http/core_conf.h"
#include "net/transfer.h"
#include "proto/http/http_date.h"
#include "proto/http/site.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Field;
using http::Verdict;

http::Body* make_body(Exchange& exchange, OpenFile& file, const FilePolicy& policy) {
    http::Body* const body = FileBody::make(exchange, file, policy, chunk_loader());
    const net::Transfer transfer{.source = net::Source::File,
                                 .size = static_cast<std::size_t>(file.info.size),
                                 .is_transformed = !*exchange.location->core->sendfile};
    const bool is_direct = net::choose_means(transfer) == net::Means::Sendfile;
    if (body == nullptr || is_direct || body->give_memory()) {
        return body;
    }
    body->close();
    return nullptr;
}

void release_file(void* pin) {
    unpin(static_cast<OpenFile*>(pin));
}

std::string_view format_head(Exchange& exchange, const OpenFile& file, std::span<char> room) {
    const http::CoreConf& core = *exchange.location->core;
    std::array<char, http::kHttpDateSize> date;
    http::format_http_date(file.info.modified, date);
    const std::string_view type = http::content_type_of(core, exchange.request.uri);
    const auto written = fmt::format_to_n(
        room.data(), room.size(), "{}{}{}Last-Modified: {}\r\n{}{}{}Accept-Ranges: bytes\r\n",
        type.empty() ? "" : "Content-Type: ", type, type.empty() ? "" : "\r\n",
        std::string_view(date.data(), date.size()), *core.etag ? "ETag: " : "",
        *core.etag ? file.etag : "", *core.etag ? "\r\n" : "");
    if (written.size > room.size()) {
        return {};
    }
    return {room.data(), written.size};
}

/// The head lines of a whole file: rendered once per entry and location.
std::string_view head_lines(Exchange& exchange, OpenFile& file, const void* settings) {
    const std::uint64_t generation = exchange.generation->number().value;
    PreparedHead& head = file.head;
    if (head.settings == settings && head.generation == generation) [[likely]] {
        return head.lines;
    }
    std::array<char, 1024> room;
    const std::string_view lines = format_head(exchange, file, room);
    if (file.pins > 1 || exchange.location->core->file_base->replaces_all) {
        // Another reply may still view the old lines; or the type does not follow from the path.
        return exchange.arena.copy(lines);
    }
    head = {.lines = std::string(lines), .generation = generation, .settings = settings};
    return head.lines;
}

void set_fields(Exchange& exchange, const OpenFile& file) {
    const http::CoreConf& core = *exchange.location->core;
    http::Reply& reply = exchange.reply;
    reply.last_modified = file.info.modified;
    if (*core.etag) {
        reply.etag = file.etag;
    }
}

Verdict send(Exchange& exchange, OpenFile& file, const FilePolicy& policy) {
    http::Reply& reply = exchange.reply;
    const std::uint64_t size = file.info.size;
    reply.length = static_cast<std::int64_t>(size);
    if (file.is_in_memory()) {
        reply.memory_body = file.memory();
        return Verdict::Decided;
    }
    if (size == 0) {
        reply.memory_body = "";
        return Verdict::Decided;
    }
    reply.body = make_body(exchange, file, policy);
    if (reply.body == nullptr) {
        exchange.discard_reply();
        return exchange.finish(500);
    }
    return Verdict::Decided;
}

Verdict send_whole(Exchange& exchange,
                   OpenFile& file,
                   const FilePolicy& policy,
                   const void* settings) {
    http::Reply& reply = exchange.reply;
    reply.status = 200;
    reply.accepts_ranges = exchange.error_status == 0 && *exchange.location->core->max_ranges > 0;
    if (reply.accepts_ranges) [[likely]] {
        reply.prepared_lines = head_lines(exchange, file, settings);
    }
    if (reply.prepared_lines.empty()) {
        reply.content_type = http::content_type_of(*exchange.location->core, exchange.request.uri);
        set_fields(exchange, file);
    }
    return send(exchange, file, policy);
}

/// Conditional and range requests; the file is pinned by the reply.
Verdict serve_conditionally(Exchange& exchange,
                            OpenFile& file,
                            const FilePolicy& policy,
                            const void* settings) {
    const http::CoreConf& core = *exchange.location->core;
    const http::Validators validators{.etag = *core.etag ? file.etag : std::string_view{},
                                      .last_modified = file.info.modified};
    switch (http::judge_conditions(exchange.request, validators, *core.if_modified_since)) {
        case http::Condition::Proceed:
            break;
        case http::Condition::NotModified:
            exchange.reply.status = 304;
            set_fields(exchange, file);
            return Verdict::Decided;
        case http::Condition::Failed:
            exchange.discard_reply();
            return exchange.finish(412);
    }
    if (exchange.request.get(Field::Range).data() == nullptr || *core.max_ranges == 0) {
        return send_whole(exchange, file, policy, settings);
    }
    exchange.reply.status = 200;
    exchange.reply.accepts_ranges = true;
    exchange.reply.content_type = http::content_type_of(core, exchange.request.uri);
    set_fields(exchange, file);
    return send(exchange, file, policy);
}

bool is_plain(const http::Request& request) {
    const auto has = [&request](Field field) {
        return request.known[static_cast<std::size_t>(field)] != nullptr;
    };
    return !has(Field::IfModifiedSince) && !has(Field::IfNoneMatch) && !has(Field::Range) &&
           !has(Field::IfUnmodifiedSince) && !has(Field::IfMatch);
}

}  // namespace

Verdict reply_with_file(Exchange& exchange,
                        OpenFile& file,
                        const FilePolicy& policy,
                        const void* settings) {
    exchange.reply.release = &release_file;
    exchange.reply.pin = &file;
    if (is_plain(exchange.request) || exchange.error_status != 0) [[likely]] {
        return send_whole(exchange, file, policy, settings);
    }
    return serve_conditionally(exchange, file, policy, settings);
}

}  // namespace sluice::modules
