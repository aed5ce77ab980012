// SPDX-License-Identifier: BSD-2-Clause
// Common ground of the limits.
// Runs in: any (settings), worker.
#include "modules/shared/limits.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "proto/http/site.h"
#include "script/dialect.h"
#include "script/template_argument.h"

namespace sluice::modules {

bool set_limit_zone(conf::Build& build,
                    const conf::Directive& directive,
                    const shm::ZoneKind& kind,
                    const LimitZoneOption& option,
                    LimitZone*& zones) {
    LimitZone& made = *build.arena().make<LimitZone>();
    ZoneArgument zone;
    for (const conf::Argument& argument : directive.args.subspan(1)) {
        bool is_good = false;
        if (argument.text.starts_with("zone=")) {
            is_good = parse_zone(build, argument, zone);
        } else if (argument.text.starts_with("shards=")) {
            is_good = parse_shards(build, argument, zone);
        } else if (option.parse != nullptr && argument.text.starts_with(option.prefix)) {
            is_good = option.parse(build, argument, made);
        } else {
            build.error(argument, "invalid parameter \"" + std::string(argument.text) + "\"",
                        std::string(option.expectation));
        }
        if (!is_good) {
            return false;
        }
    }
    if (zone.name.empty()) {
        return build.error(directive,
                           "\"" + std::string(directive.name) + "\" must have \"zone\" parameter",
                           "zone=NAME:SIZE");
    }
    if (!script::compile_argument(build, directive.args[0], script::variables_of(build), made.key)) {
        return false;
    }
    made.zone = declare_zone(build, directive, zone, kind, directive.args[0].text);
    made.next = std::exchange(zones, &made);
    return made.zone != nullptr;
}

namespace {

/// Marks notes among an exchange's holdings; they have nothing to give back.
void release_note(http::Holding&) noexcept {}

}  // namespace

LimitNote* find_note(const http::Exchange& exchange, LimitKind kind) {
    for (http::Holding* held = exchange.holdings; held != nullptr; held = held->next) {
        if (held->release == &release_note && static_cast<LimitNote*>(held)->kind == kind) {
            return static_cast<LimitNote*>(held);
        }
    }
    return nullptr;
}

LimitNote* take_note(http::Exchange& exchange, LimitKind kind) {
    LimitNote* note = find_note(exchange, kind);
    if (note == nullptr) {
        note = exchange.arena.make<LimitNote>();
        if (note != nullptr) {
            note->kind = kind;
            note->release = &release_note;
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
