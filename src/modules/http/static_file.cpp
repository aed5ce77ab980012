// SPDX-License-Identifier: BSD-2-Clause
// Static files: the last content handler. A remembered small file is answered from memory with head
// lines rendered before: no system call, no allocation.
// Runs in: any (bind), worker (rules).
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "log/log.h"
#include "modules/http/features.h"
#include "modules/http/files.h"
#include "proto/http/conditionals.h"
#include "proto/http/core_conf.h"
#include "proto/http/http_date.h"
#include "proto/http/range_reply.h"
#include "proto/http/site.h"
#include "proto/http/uri.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Field;
using http::Method;
using http::Verdict;

/// A file, or a range of it, that stays open through the exchange's pin. A file that became shorter makes
/// sendfile end early, and the wire then breaks the connection off.
class FileBody final : public http::Body {
  public:
    FileBody(int fd, std::uint64_t size) : fd_(fd), left_(size) {}

    http::Pull pull(net::Chain& out, std::size_t max) override {
        const std::uint64_t size = std::min<std::uint64_t>(left_, max);
        if (!out.push_file(fd_, at_, static_cast<std::size_t>(size))) {
            return http::Pull::More;
        }
        at_ += static_cast<off_t>(size);
        left_ -= size;
        return left_ == 0 ? http::Pull::End : http::Pull::More;
    }

    void close() noexcept override {}

    bool select(std::uint64_t first, std::uint64_t size) override {
        at_ = static_cast<off_t>(first);
        left_ = size;
        return true;
    }

  private:
    int fd_;
    off_t at_ = 0;
    std::uint64_t left_;
};

void release_file(void* pin) {
    unpin(static_cast<OpenFile*>(pin));
}

// ---- answers without content ----

Verdict refuse_method(Exchange& exchange) {
    // RFC 9110 §15.5.6: 405 says what is allowed.
    static_cast<void>(exchange.reply.add(exchange.arena, "Allow", "GET, HEAD"));
    return exchange.finish(405);
}

Verdict refuse_listing(Exchange& exchange) {
    if (log::is_on(log::Level::Info)) {
        log::write(log::Level::Info, "directory index of \"{}\" is forbidden",
                   log::Escaped{http::file_path(exchange)});
    }
    return exchange.finish(403);
}

Verdict refuse_file(Exchange& exchange, std::string_view path, int error) {
    const int status = status_of(error);
    // A client chooses the path: only trouble of our own is graver than info, and then rare.
    const bool is_ours = status == 500;
    const bool is_logged = is_ours ? may_log_trouble()
                                   : status != 404 || *exchange.location->core->log_not_found;
    const log::Level level = is_ours ? log::Level::Crit : log::Level::Info;
    if (is_logged && log::is_on(level)) {
        log::write(level, "open() \"{}\" failed ({}: {})", log::Escaped{path}, error,
                   log::error_text(error));
    }
    return exchange.finish(status);
}

Verdict redirect_to_directory(Exchange& exchange) {
    const std::string_view path =
        http::escape(exchange.request.uri, http::Escape::Path, exchange.arena);
    const std::string_view args = exchange.request.args;
    const std::size_t size = path.size() + 1 + (args.empty() ? 0 : args.size() + 1);
    char* const to = static_cast<char*>(exchange.arena.allocate(size, 1));
    if (path.data() == nullptr || to == nullptr) {
        return exchange.finish(500);
    }
    char* at = std::copy(path.begin(), path.end(), to);
    *at++ = '/';
    if (!args.empty()) {
        *at++ = '?';
        std::copy(args.begin(), args.end(), at);
    }
    exchange.reply.location = {to, size};
    return exchange.finish(301);
}

// ---- the file ----

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
std::string_view head_lines(Exchange& exchange, OpenFile& file) {
    const http::CoreConf* const core = exchange.location->core;
    const std::uint64_t generation = exchange.generation->number().value;
    PreparedHead& head = file.head;
    if (head.settings == core && head.generation == generation) [[likely]] {
        return head.lines;
    }
    std::array<char, 1024> room;
    const std::string_view lines = format_head(exchange, file, room);
    if (file.pins > 1) {
        // Another reply may still view the old lines.
        return exchange.arena.copy(lines);
    }
    head = {.lines = std::string(lines), .generation = generation, .settings = core};
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

Verdict send(Exchange& exchange, const OpenFile& file) {
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
    reply.body = exchange.arena.make<FileBody>(file.fd.get(), size);
    if (reply.body == nullptr) {
        exchange.discard_reply();
        return exchange.finish(500);
    }
    return Verdict::Decided;
}

Verdict send_whole(Exchange& exchange, OpenFile& file) {
    http::Reply& reply = exchange.reply;
    reply.status = 200;
    reply.accepts_ranges = exchange.error_status == 0 && *exchange.location->core->max_ranges > 0;
    if (reply.accepts_ranges) [[likely]] {
        reply.prepared_lines = head_lines(exchange, file);
    }
    if (reply.prepared_lines.empty()) {
        reply.content_type = http::content_type_of(*exchange.location->core, exchange.request.uri);
        set_fields(exchange, file);
    }
    return send(exchange, file);
}

/// Conditional and range requests; the file is pinned by the reply.
Verdict serve_conditionally(Exchange& exchange, OpenFile& file) {
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
        return send_whole(exchange, file);
    }
    exchange.reply.status = 200;
    exchange.reply.accepts_ranges = true;
    exchange.reply.content_type = http::content_type_of(core, exchange.request.uri);
    set_fields(exchange, file);
    const Verdict whole = send(exchange, file);
    return exchange.reply.status == 200 ? http::apply_range(exchange, validators) : whole;
}

bool is_plain(const http::Request& request) {
    for (const Field field : {Field::IfModifiedSince, Field::IfUnmodifiedSince, Field::IfNoneMatch,
                              Field::IfMatch, Field::Range}) {
        if (request.known[static_cast<std::size_t>(field)] != nullptr) {
            return false;
        }
    }
    return true;
}

Verdict serve(Exchange& exchange, const void* settings) {
    const http::Request& request = exchange.request;
    const bool is_read = request.method == Method::Get || request.method == Method::Head;
    if (!is_read && request.method != Method::Post) {
        return refuse_method(exchange);
    }
    if (request.uri.ends_with('/')) {
        return refuse_listing(exchange);
    }
    const std::string_view path = http::file_path(exchange);
    if (path.data() == nullptr) {
        return exchange.finish(500);
    }
    const auto found = look_up(exchange, path, OpenFileCache::Want::Content,
                               *static_cast<const FilePolicy*>(settings));
    if (!found) {
        return refuse_file(exchange, path, found.error());
    }
    OpenFile& file = **found;
    if (!file.info.is_regular() || !is_read) {
        const bool is_directory = file.info.is_directory();
        const bool is_regular = file.info.is_regular();
        unpin(&file);
        if (is_directory) {
            return redirect_to_directory(exchange);
        }
        return is_regular ? refuse_method(exchange) : exchange.finish(404);
    }
    exchange.reply.release = &release_file;
    exchange.reply.pin = &file;
    if (is_plain(request) || exchange.error_status != 0) [[likely]] {
        return send_whole(exchange, file);
    }
    return serve_conditionally(exchange, file);
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    if (phase != http::Phase::Content) {
        return {};
    }
    return {.run = &serve, .settings = &file_policy(level)};
}

}  // namespace

constexpr http::Module kStaticFile{
    .name = "static_file",
    .conf = nullptr,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
