// SPDX-License-Identifier: BSD-2-Clause
// What all RESP commands have in common: refusals in redis-server's words, and arguments.
// Runs in: worker.
#include "modules/shared/resp_command.h"

#include <limits>

#include "base/ascii.h"
#include "proto/resp/integer.h"

namespace sluice::modules {

namespace {

/// The most of a command that an error repeats.
constexpr std::size_t kMostRepeated = 128;

std::string unknown_command(std::span<const std::string_view> words) {
    std::string arguments;
    for (const std::string_view word : words.subspan(1)) {
        if (arguments.size() >= kMostRepeated) {
            break;
        }
        arguments += '\'';
        arguments += word.substr(0, kMostRepeated - arguments.size() + 1);
        arguments += "' ";
    }
    return "ERR unknown command '" + std::string(words[0].substr(0, kMostRepeated)) +
           "', with args beginning with: " + arguments;
}

std::string wrong_count(std::string_view name) {
    return "ERR wrong number of arguments for '" + std::string(name) + "' command";
}

}  // namespace

void Call::refuse(shm::ZoneOutcome outcome) {
    switch (outcome) {
        case shm::ZoneOutcome::NoRoom:
            return key().size() > shm::kMaxKeyBytes
                       ? fail("ERR key exceeds maximum allowed size (65535 bytes)")
                       : fail("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        default:
            return fail("TRYAGAIN the key's part of the zone is locked, try again");
    }
}

void refuse_request(const Command* command,
                    std::span<const std::string_view> words,
                    resp::ReplyWriter& reply) {
    reply.error(command == nullptr ? unknown_command(words) : wrong_count(command->name));
}

void run_subcommand(Call& call, std::span<const Subcommand> subcommands) {
    const std::string_view name = call.words[1];
    for (const Subcommand& one : subcommands) {
        if (!equals_ignoring_case(one.name, name)) {
            continue;
        }
        if (!fits(one.arity, call.words.size())) {
            return call.fail(wrong_count(std::string(call.command.name) + '|' +
                                         std::string(one.name)));
        }
        return one.run(call);
    }
    std::string container(call.command.name);
    for (char& c : container) {
        c = static_cast<char>(c - ('a' - 'A'));
    }
    call.fail("ERR unknown subcommand '" + std::string(name.substr(0, kMostRepeated)) + "'. Try " +
              container + " HELP.");
}

std::optional<std::int64_t> integer_argument(Call& call, std::string_view text) {
    const std::optional<std::int64_t> number = resp::parse_integer(text);
    if (!number) {
        call.fail("ERR value is not an integer or out of range");
    }
    return number;
}

std::optional<Millis> expiry_argument(Call& call,
                                      std::string_view text,
                                      ExpiryUnit unit,
                                      bool may_be_past) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    const std::optional<std::int64_t> given = integer_argument(call, text);
    if (!given) {
        return std::nullopt;
    }
    std::int64_t when = *given;
    bool is_good = may_be_past || when > 0;
    if (unit.is_seconds) {
        is_good = !__builtin_mul_overflow(when, std::int64_t{1000}, &when) && is_good;
    }
    // As monotonic time; never 0, which would mean for ever.
    const std::int64_t base = unit.is_absolute ? call.now.count() - call.wall.count()
                                               : call.now.count();
    const bool is_beyond = !unit.is_absolute && when > kMost - call.wall.count();
    is_good = is_good && !is_beyond && !__builtin_add_overflow(when, base, &when);
    if (!is_good) {
        call.fail("ERR invalid expire time in '" + std::string(call.command.name) + "' command");
        return std::nullopt;
    }
    return Millis(when <= 0 ? 1 : when);
}

}  // namespace sluice::modules
