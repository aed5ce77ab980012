// SPDX-License-Identifier: BSD-2-Clause
// return: an answer that the configuration itself gives.
// Runs in: any (read), worker (give).
#include "modules/http/answer.h"

#include "base/ascii.h"
#include "proto/http/conditionals.h"
#include "proto/http/core_conf.h"
#include "proto/http/site.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

/// nginx closes the connection instead of answering with these, unless they have a text.
bool is_silent(int status) {
    return status == 408 || status == http::kNoAnswer || status == 499;
}

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_url(std::string_view text) {
    return text.starts_with("http://") || text.starts_with("https://") ||
           text.starts_with("$scheme");
}

/// The wire sends nothing, the log tells the status.
Verdict close_silently(Exchange& exchange, int status) {
    exchange.reply.status = static_cast<std::uint16_t>(status);
    exchange.reply.closes = true;
    exchange.reply.length = 0;
    return Verdict::Decided;
}

/// A 200 is a representation without validators: If-Match: *, If-None-Match: * and dates are judged.
http::Condition judge(const Exchange& exchange, int status) {
    if (status != 200 || exchange.error_status != 0) {
        return http::Condition::Proceed;
    }
    return http::judge_conditions(exchange.request, {},
                                  *exchange.location->core->if_modified_since);
}

}  // namespace

std::optional<Answer> read_answer(conf::Build& build, const conf::Directive& directive) {
    Answer answer;
    const conf::Argument& first = directive.args[0];
    const auto code = parse_decimal(first.text);
    // Below 200 there are only interim answers, which end nothing.
    if (code && *code >= 200 && *code <= 999) {
        answer.status = static_cast<int>(*code);
    } else if (directive.args.size() == 1 && is_url(first.text)) {
        answer.status = 302;
    } else {
        build.error(first, "invalid return code \"" + std::string(first.text) + "\"",
                    "a status from 200 to 999, or a URL alone");
        return std::nullopt;
    }
    answer.has_text = !code || directive.args.size() == 2;
    if (answer.has_text && !script::compile_argument(build, directive.args.back(),
                                                     script::variables_of(build), answer.text)) {
        return std::nullopt;
    }
    return answer;
}

Verdict give(Exchange& exchange, const Answer& answer) {
    const std::string_view text = answer.has_text ? exchange.render(answer.text) : "";
    if (text.data() == nullptr) {
        return exchange.finish(500);
    }
    if (text.empty() && is_silent(answer.status)) {
        return close_silently(exchange, answer.status);
    }
    http::Reply& reply = exchange.reply;
    if (is_redirect(answer.status)) {
        reply.location = text;
        return exchange.finish(answer.status);
    }
    if (answer.status >= 400 && text.empty()) {
        return exchange.finish(answer.status);
    }
    switch (judge(exchange, answer.status)) {
        case http::Condition::Proceed:
            break;
        case http::Condition::NotModified:
            reply.status = 304;
            return Verdict::Decided;
        case http::Condition::Failed:
            return exchange.finish(412);
    }
    // A text is the whole answer: no error_page looks at it.
    reply.status = static_cast<std::uint16_t>(answer.status);
    reply.length = static_cast<std::int64_t>(text.size());
    reply.memory_body = text;
    if (reply.status != 204 && reply.status != 304) {
        reply.content_type =
            http::content_type_of(*exchange.location->core, exchange.request.uri);
    }
    return Verdict::Decided;
}

}  // namespace sluice::modules
