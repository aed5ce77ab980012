// SPDX-License-Identifier: BSD-2-Clause
// Static files: the last content handler.
// Runs in: any (bind), worker (rules).
#include <algorithm>
#include <array>

#include "log/log.h"
#include "modules/http/features.h"
#include "modules/http/file_reply.h"
#include "modules/http/files.h"
#include "proto/http/core_conf.h"
#include "proto/http/error_line.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"
#include "proto/http/uri.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Method;
using http::Verdict;

// ---- answers without content ----

Verdict refuse_method(Exchange& exchange) {
    // RFC 9110 §15.5.6: 405 says what is allowed.
    static_cast<void>(exchange.reply.add(exchange.arena, "Allow", "GET, HEAD"));
    return exchange.finish(405);
}

Verdict refuse_listing(Exchange& exchange) {
    const log::Level level = http::client_level(exchange, log::Level::Error);
    if (http::logs(exchange, level)) {
        http::write_error(exchange, level, "directory index of \"{}\" is forbidden",
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
    const log::Level level =
        is_ours ? log::Level::Crit : http::client_level(exchange, log::Level::Error);
    if (is_logged && http::logs(exchange, level)) {
        http::write_error(exchange, level, "open() \"{}\" failed ({}: {})", log::Escaped{path},
                          error, log::error_text(error));
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

/// Only where somebody listens. `error`: errno of the look-up, 0: `file` is there.
[[gnu::cold, gnu::noinline]] void tell_file(const Exchange& exchange,
                                            std::string_view path,
                                            int error,
                                            const OpenFile* file) {
    constexpr std::array<std::string_view, 2> kNames{"root", "alias"};
    http::tell(exchange, http::Topic::File, http::place_of(exchange, kNames), "{}: {}", path,
               error != 0                   ? log::error_text(error)
               : file->info.is_directory() ? "a directory"
                                            : "found");
}

Verdict serve(Exchange& exchange, const void* settings) {
    const http::Request& request = exchange.request;
    const bool is_read = request.method == Method::Get || request.method == Method::Head;
    if (!is_read && request.method != Method::Post) {
        return refuse_method(exchange);
    }
    if (request.uri.ends_with('/')) {
        http::tell(exchange, http::Topic::File, conf::Position{},
                   "a directory without index, and no autoindex: 403");
        return refuse_listing(exchange);
    }
    const std::string_view path = http::file_path(exchange);
    if (path.data() == nullptr) {
        return exchange.finish(500);
    }
    const auto found = look_up(exchange, path, Want::Content,
                               *static_cast<const FilePolicy*>(settings));
    if (!found) {
        if (found.error() == EINPROGRESS) {
            return kIsLoading;
        }
        if (exchange.trace != nullptr) [[unlikely]] {
            tell_file(exchange, path, found.error(), nullptr);
        }
        return refuse_file(exchange, path, found.error());
    }
    OpenFile& file = **found;
    if (exchange.trace != nullptr) [[unlikely]] {
        tell_file(exchange, path, 0, &file);
    }
    if (!file.info.is_regular() || !is_read) {
        const bool is_directory = file.info.is_directory();
        const bool is_regular = file.info.is_regular();
        unpin(&file);
        if (is_directory) {
            return redirect_to_directory(exchange);
        }
        return is_regular ? refuse_method(exchange) : exchange.finish(404);
    }
    return reply_with_file(exchange, file, *static_cast<const FilePolicy*>(settings),
                           exchange.location->core);
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
