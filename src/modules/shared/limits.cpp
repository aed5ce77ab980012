// SPDX-License-Identifier: BSD-2-Clause
// Common ground of the limits.
// Runs in: any (settings), worker.
#include "modules/shared/limits.h"

#include <fmt/format.h>

#include "base/ascii.h"

namespace sluice::modules {

LimitNote* find_note(const http::Exchange& exchange, void (*release)(http::Holding&) noexcept) {
    for (http::Holding* held = exchange.holdings; held != nullptr; held = held->next) {
        if (held->release == release) {
            return static_cast<LimitNote*>(held);
        }
    }
    return nullptr;
}

LimitNote* take_note(http::Exchange& exchange, void (*release)(http::Holding&) noexcept) {
    LimitNote* note = find_note(exchange, release);
    if (note == nullptr) {
        note = exchange.arena.make<LimitNote>();
        if (note != nullptr) {
            note->release = release;
            exchange.hold(*note);
        }
    }
    return note;
}

http::Verdict refuse(http::Exchange& exchange,
                     const LimitStatus& status,
                     std::int64_t retry_after_seconds) {
    constexpr int kTooManyRequests = 429;
    if (status.status == kTooManyRequests && retry_after_seconds > 0) {
        fmt::memory_buffer text;
        fmt::format_to(std::back_inserter(text), "{}", retry_after_seconds);
        const std::string_view kept = exchange.arena.copy({text.data(), text.size()});
        // Without room for it the refusal goes out plain.
        static_cast<void>(kept.data() != nullptr &&
                          exchange.reply.add(exchange.arena, "Retry-After", kept));
    }
    return exchange.finish(status.status);
}

}  // namespace sluice::modules

namespace sluice::conf {

bool ParseAs<modules::LimitLogLevel>::parse(Build& build,
                                            const Directive& directive,
                                            modules::LimitLogLevel& out) {
    const std::optional<log::Level> level = log::level_named(directive.args[0].text);
    const bool is_allowed = level && *level >= log::Level::Error && *level <= log::Level::Info;
    if (!is_allowed) {
        return build.invalid(directive, directive.args[0], "info, notice, warn or error");
    }
    out.level = *level;
    return true;
}

bool ParseAs<modules::LimitStatus>::parse(Build& build,
                                          const Directive& directive,
                                          modules::LimitStatus& out) {
    const std::optional<std::uint64_t> status = parse_decimal(directive.args[0].text);
    if (!status || *status < 400 || *status > 599) {
        return build.error(directive.args[0],
                           status ? "value must be between 400 and 599"
                                  : "invalid number \"" + std::string(directive.args[0].text) + "\"",
                           "a status from 400 to 599");
    }
    out.status = static_cast<std::uint16_t>(*status);
    return true;
}

}  // namespace sluice::conf
