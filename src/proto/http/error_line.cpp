// SPDX-License-Identifier: BSD-2-Clause
// Lines about requests.
// Runs in: worker.
#include "proto/http/error_line.h"

#include "log/error_log_conf.h"
#include "proto/http/site.h"
#include "proto/http/trace.h"

namespace sluice::http {

namespace {

/// A line that is formatted together with its context, inside the log's own formatting.
struct Line {
    const Exchange& exchange;
    fmt::string_view format;
    fmt::format_args args;
};

}  // namespace

}  // namespace sluice::http

template <>
struct fmt::formatter<sluice::http::Line> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }

    fmt::appender format(const sluice::http::Line& line, fmt::format_context& context) const {
        using sluice::log::Escaped;
        const sluice::http::Exchange& exchange = line.exchange;
        const sluice::http::Request& request = exchange.request;
        fmt::appender out =
            fmt::format_to(context.out(), "*{} ", exchange.wire.connection_number());
        out = fmt::vformat_to(out, line.format, line.args);
        out = fmt::format_to(out, ", client: {}", exchange.peer().host());
        if (exchange.server != nullptr) {
            out = fmt::format_to(out, ", server: {}", exchange.server->name);
        }
        if (!request.line.empty()) {
            out = fmt::format_to(out, ", request: \"{}\"", Escaped{request.line});
        }
        if (const auto host = request.get(sluice::http::Field::Host); !host.empty()) {
            out = fmt::format_to(out, ", host: \"{}\"", Escaped{host});
        }
        if (const auto from = request.get(sluice::http::Field::Referer); !from.empty()) {
            out = fmt::format_to(out, ", referrer: \"{}\"", Escaped{from});
        }
        return out;
    }
};

namespace sluice::http {

const log::Destination& error_log_of(const Exchange& exchange) {
    static constexpr log::Destination kNowhere;
    const conf::Level* const level =
        exchange.location == nullptr ? nullptr : exchange.location->level;
    const log::Destination* const own = level == nullptr ? nullptr : log::destination_of(*level);
    if (own != nullptr) {
        return *own;
    }
    const log::Journal* const journal = log::Journal::installed();
    return journal != nullptr ? journal->main() : kNowhere;
}

bool logs(const Exchange& exchange, log::Level level) {
    return log::is_on(error_log_of(exchange), level);
}

log::Level client_level(const Exchange& exchange, log::Level of_nginx) {
    const bool is_compat = exchange.generation && exchange.generation->is_compat();
    return is_compat ? of_nginx : log::Level::Info;
}

void vwrite_error(const Exchange& exchange,
                  log::Level level,
                  fmt::string_view format,
                  fmt::format_args args) {
    if (exchange.trace != nullptr) {
        const bool is_on = log::is_on(error_log_of(exchange), level);
        exchange.trace->add({.topic = Topic::Log,
                             .is_detail = false,
                             .at = {},
                             .text = fmt::format("[{}] {}{}", log::name_of(level),
                                                 fmt::vformat(format, args),
                                                 is_on ? "" : " (below error_log's level)")});
        return;
    }
    log::write_to(error_log_of(exchange), level, "{}", Line{exchange, format, args});
}

}  // namespace sluice::http
