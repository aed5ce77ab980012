// SPDX-License-Identifier: BSD-2-Clause
// msie_refresh: old Internet Explorers get a page that refreshes to the new place instead of a 301 or
// 302.
// Runs in: any (settings), worker (rule).
#include <array>

#include "base/concatenate.h"
#include "conf/level.h"
#include "modules/http/features.h"
#include "proto/http/exchange.h"

namespace sluice::modules {

namespace {

using http::Exchange;
using http::Verdict;

struct MsieRefreshConf {
    conf::Setting<bool> msie_refresh;
};

constexpr conf::Row kRows[] = {
    conf::row<&MsieRefreshConf::msie_refresh>(
        "msie_refresh", conf::kAnyHttp, conf::flag(),
        "Answer browsers that call themselves MSIE with a page that leads on instead of a redirect.")
        .defaults("off"),
};
constexpr conf::ConfKind kKind = conf::kind<MsieRefreshConf>("msie_refresh", kRows);
constexpr conf::Module kConf{"msie_refresh", &kKind};

bool is_msie(const http::Request& request) {
    constexpr std::string_view kMark = "MSIE ";
    const std::string_view agent = request.get(http::Field::UserAgent);
    const std::size_t at = agent.find(kMark);
    return at != std::string_view::npos && at + kMark.size() + 2 < agent.size();
}

/// What could end the attribute that holds the URL.
bool is_unsafe(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte >= 0x7f || c == '"' || c == '%' || c == '\'' || c == '<' || c == '>';
}

/// data() == nullptr where the arena is full.
std::string_view escaped(Arena& arena, std::string_view url) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    char* const out = static_cast<char*>(arena.allocate(3 * url.size() + 1, 1));
    if (out == nullptr) {
        return {};
    }
    char* at = out;
    for (const char c : url) {
        if (is_unsafe(c)) {
            *at++ = '%';
            *at++ = kDigits[static_cast<unsigned char>(c) >> 4U];
            *at++ = kDigits[static_cast<unsigned char>(c) & 15U];
        } else {
            *at++ = c;
        }
    }
    return {out, static_cast<std::size_t>(at - out)};
}

Verdict refresh(Exchange& exchange, const void*) {
    const http::Reply& redirect = exchange.reply;
    if ((redirect.status != 301 && redirect.status != 302) || redirect.location.empty() ||
        !is_msie(exchange.request)) {
        return Verdict::Declined;
    }
    const std::array<std::string_view, 3> parts{
        "<html><head><meta http-equiv=\"Refresh\" content=\"0; URL=",
        escaped(exchange.arena, redirect.location), "\"></head><body></body></html>\r\n"};
    const std::string_view page = concatenate(exchange.arena, parts);
    if (parts[1].data() == nullptr || page.data() == nullptr) {
        return Verdict::Declined;  // the redirect does as well
    }
    const bool closes = redirect.closes;
    exchange.discard_reply();
    http::Reply& reply = exchange.reply;
    reply.status = 200;
    reply.closes = closes;
    reply.content_type = "text/html";
    reply.memory_body = page;
    reply.length = static_cast<std::int64_t>(page.size());
    return Verdict::Declined;
}

http::BoundRule bind(http::Phase phase, conf::Level& level) {
    if (phase != http::Phase::Head || !*level.conf<MsieRefreshConf>().msie_refresh) {
        return {};
    }
    return {.run = &refresh, .settings = nullptr};
}

}  // namespace

constexpr http::Module kMsieRefresh{
    .name = "msie_refresh",
    .conf = &kConf,
    .bind = &bind,
    .variables = {},
    .start_worker = nullptr,
    .stop_worker = nullptr,
};

}  // namespace sluice::modules
