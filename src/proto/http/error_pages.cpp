// SPDX-License-Identifier: BSD-2-Clause
// Error pages, configured and built-in.
// Runs in: worker.
#include "proto/http/error_pages.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/version.h"
#include "proto/http/core_conf.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"

namespace sluice::http {

namespace {

const ErrorPage* find_page(const CoreConf& core, int status) {
    for (const ErrorPage& page : *core.error_pages) {
        if (page.status == status) {
            return &page;
        }
    }
    return nullptr;
}

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What a page is served for must not judge the page's file.
void forget_conditions(Request& request) {
    for (const Field field : {Field::IfModifiedSince, Field::IfUnmodifiedSince, Field::IfNoneMatch,
                              Field::IfMatch, Field::IfRange, Field::Range}) {
        request.known[static_cast<std::size_t>(field)] = nullptr;
    }
}

Verdict redirect_to_url(Exchange& exchange, const ErrorPage& page, std::string_view url) {
    exchange.discard_reply();
    const int status = is_redirect(page.overwrite) ? page.overwrite : 302;
    exchange.error_status = 0;
    exchange.reply.status = static_cast<std::uint16_t>(status);
    exchange.reply.location = url;
    use_builtin_page(exchange, status);
    return Verdict::Decided;
}

// nginx shows some of its own numbers as 400.
int shown_status(int status) {
    return status >= 494 && status <= 499 ? 400 : status;
}

// What nginx writes on its page: for some statuses not what stands in the status line.
std::string_view title_of(int status) {
    switch (status) {
        case 302:
            return "Found";
        case 401:
            return "Authorization Required";
        case 494:
            return "Request Header Or Cookie Too Large";
        case 495:
            return "The SSL certificate error";
        case 496:
            return "No required SSL certificate was sent";
        case 497:
            return "The plain HTTP request was sent to HTTPS port";
        default:
            return reason_phrase(shown_status(status));
    }
}

}  // namespace

std::string_view server_token(const Exchange& exchange) {
    const ServerTokensConf& tokens = *exchange.location->core->server_tokens;
    switch (tokens.kind) {
        case ServerTokens::Off:
            return kProductName;
        case ServerTokens::On:
        case ServerTokens::Build:
            return kProduct;
        case ServerTokens::Text:
            return tokens.text;
    }
    return kProductName;
}

Verdict use_error_page(Exchange& exchange, int status) {
    const CoreConf& core = *exchange.location->core;
    if (core.error_pages->empty() || (exchange.is_error_page && !*core.recursive_error_pages)) {
        return Verdict::Declined;
    }
    const ErrorPage* const page = find_page(core, status);
    if (page == nullptr) {
        return Verdict::Declined;
    }
    const std::string_view target = exchange.render(page->target);
    tell(exchange, Topic::Redirect, page->at, "{} goes to \"{}\"", status, target);
    if (target.empty()) {
        return Verdict::Declined;
    }
    exchange.is_error_page = true;
    if (target.front() != '/' && target.front() != '@') {
        return redirect_to_url(exchange, *page, target);
    }
    const bool closes = exchange.reply.closes;
    const std::string_view range = exchange.reply.content_range;
    ReplyHeader* const kept = exchange.reply.headers;  // WWW-Authenticate, Allow, Retry-After
    ReplyHeader* const last = exchange.reply.last_header;
    exchange.discard_reply();
    exchange.reply.headers = kept;
    exchange.reply.last_header = last;
    exchange.reply.closes = closes;
    exchange.error_status = static_cast<std::uint16_t>(
        page->overwrite == ErrorPage::kKeepStatus ? shown_status(status) : page->overwrite);
    if (exchange.error_status == 416) {
        exchange.reply.content_range = range;  // RFC 9110 §15.5.17: tells the size there is
    }
    forget_conditions(exchange.request);
    if (target.front() == '@') {
        return exchange.redirect_to_named(target);
    }
    Request& request = exchange.request;
    if (request.method != Method::Head) {
        request.method = Method::Get;
        request.method_text = "GET";
    }
    const std::size_t mark = target.find('?');
    const std::string_view args =
        mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    return exchange.redirect_to(target.substr(0, mark), args);
}

void use_builtin_page(Exchange& exchange, int status) {
    Reply& reply = exchange.reply;
    const int shown = shown_status(status);
    reply.status = static_cast<std::uint16_t>(shown);
    reply.memory_body = {};
    reply.length = 0;
    const std::string_view title = title_of(status);
    if (shown < 300 || shown == 304 || title.empty()) {
        return;  // nothing is said about a status that has no name
    }
    std::array<char, 4> digits{};
    std::to_chars(digits.data(), digits.data() + digits.size(), shown);
    const std::string_view code(digits.data(), 3);
    const std::array<std::string_view, 11> parts{"<!DOCTYPE html>\n<html>\n<head><title>",
                                                 code,
                                                 " ",
                                                 title,
                                                 "</title></head>\n<body>\n<h1>",
                                                 code,
                                                 " ",
                                                 title,
                                                 "</h1>\n<hr>\n<p>",
                                                 server_token(exchange),
                                                 "</p>\n</body>\n</html>\n"};
    std::size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size();
    }
    char* const page = static_cast<char*>(exchange.arena.allocate(size, 1));
    if (page == nullptr) {
        return;  // the status alone is an answer too
    }
    char* at = page;
    for (const std::string_view part : parts) {
        at = std::copy(part.begin(), part.end(), at);
    }
    reply.content_type = "text/html";
    reply.memory_body = {page, size};
    reply.length = static_cast<std::int64_t>(size);
}

}  // namespace sluice::http
