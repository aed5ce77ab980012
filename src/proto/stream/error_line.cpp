// SPDX-License-Identifier: BSD-2-Clause
// Lines about sessions.
// Runs in: worker.
#include "proto/stream/error_line.h"

#include "log/error_log_conf.h"
#include "proto/stream/site.h"

namespace sluice::stream {

namespace {

/// A line that is formatted together with its context, inside the log's own formatting.
struct Line {
    const Session& session;
    fmt::string_view format;
    fmt::format_args args;
};

}  // namespace

}  // namespace sluice::stream

template <>
struct fmt::formatter<sluice::stream::Line> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }

    fmt::appender format(const sluice::stream::Line& line, fmt::format_context& context) const {
        const sluice::stream::Session& session = line.session;
        fmt::appender out = fmt::format_to(context.out(), "*{} ", session.wire.connection_number());
        out = fmt::vformat_to(out, line.format, line.args);
        out = fmt::format_to(out, ", {}client: {}", session.wire.is_datagram() ? "udp " : "",
                             session.peer().host());
        if (session.port != nullptr) {
            out = fmt::format_to(out, ", server: {}", session.port->address);
        }
        if (const sluice::stream::Try* const last = session.last_try; last != nullptr) {
            out = fmt::format_to(out,
                                 ", upstream: \"{}\", bytes from/to client:{}/{}, "
                                 "bytes from/to upstream:{}/{}",
                                 last->address, session.received, session.sent, last->received,
                                 last->sent);
        }
        return out;
    }
};

namespace sluice::stream {

const log::Destination& error_log_of(const Session& session) {
    static constexpr log::Destination kNowhere;
    const log::Destination* const own =
        session.server == nullptr ? nullptr : log::destination_of(*session.server->level);
    if (own != nullptr) {
        return *own;
    }
    const log::Journal* const journal = log::Journal::installed();
    return journal != nullptr ? journal->main() : kNowhere;
}

bool logs(const Session& session, log::Level level) {
    return log::is_on(error_log_of(session), level);
}

log::Level client_level(const Session& session, log::Level of_nginx) {
    const bool is_compat = session.generation && session.generation->is_compat();
    return is_compat ? of_nginx : log::Level::Info;
}

log::Level complaint_level(const Session& session, log::Level level) {
    const bool is_loud =
        session.server != nullptr && session.server->trouble.ask(session.timings.now).has_value();
    return is_loud ? level : log::Level::Info;
}

void vwrite_error(const Session& session,
                  log::Level level,
                  fmt::string_view format,
                  fmt::format_args args) {
    log::write_to(error_log_of(session), level, "{}", Line{session, format, args});
}

}  // namespace sluice::stream
