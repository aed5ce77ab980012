// SPDX-License-Identifier: BSD-2-Clause
// Command and Call: the RESP commands as a table of data, and what a command's function works with.
// The functions stand in resp_strings, resp_numbers, resp_keys and resp_server.
// Runs in: worker.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"
#include "modules/shared/resp_worker.h"
#include "proto/resp/reply_writer.h"
#include "shm/zone_user.h"

namespace sluice::modules {

struct Command;

/// What a connection remembers from command to command.
struct RespClient {
    std::uint64_t id = 0;
    resp::Version version = resp::Version::Resp2;
    std::string name;
    bool is_leaving = false;  ///< QUIT: the connection ends behind the reply
};

/// One command that is carried out.
struct Call {
    const Command& command;
    std::span<const std::string_view> words;  ///< the name, then its arguments
    resp::ReplyWriter& reply;
    RespClient& client;
    RespWorker& worker;
    shm::ZoneUser& zone;
    std::size_t largest;  ///< bytes of a value, at most
    Millis now;           ///< monotonic, as expiries are
    Millis wall;
    /// Not 0: the reply has become long, and the command wants to go on from here when it has gone.
    std::size_t resume = 0;

    [[nodiscard]] std::string_view key() const { return words[1]; }

    /// Answers with an error: "ERR what is wrong".
    void fail(std::string_view text) {
        worker.counters.add(RespRow::Errors);
        reply.error(text);
    }

    /// What a key that was read counts as.
    void count_lookup(bool is_hit) {
        worker.counters.add(is_hit ? RespRow::Hits : RespRow::Misses);
    }

    /// Answers a change that the zone refused.
    void refuse(shm::ZoneOutcome outcome);
};

/// Behind this many bytes of replies no further command is begun before they have gone.
inline constexpr std::size_t kReplyPause = 24 * 1024;

// What COMMAND tells of a command, and what it does.
inline constexpr std::uint16_t kRespWrite = 1;
inline constexpr std::uint16_t kRespReadonly = 2;
inline constexpr std::uint16_t kRespDenyOom = 4;
inline constexpr std::uint16_t kRespFast = 8;
inline constexpr std::uint16_t kRespLoading = 16;
inline constexpr std::uint16_t kRespStale = 32;
inline constexpr std::uint16_t kRespNoAuth = 64;
inline constexpr std::uint16_t kRespAdmin = 128;

/// Where a command's keys are among its words; first == 0: it has none.
struct KeyPlaces {
    std::int8_t first = 0;
    std::int8_t last = 0;
    std::int8_t step = 0;
};

struct Command {
    std::string_view name;  ///< in small letters
    std::int8_t arity;      ///< words, with the name; below 0: at least so many
    std::uint16_t flags;
    KeyPlaces keys;
    void (*run)(Call& call);
    std::string_view group;
    std::string_view since;
    std::string_view summary;
};

/// All of them, in no order.
[[nodiscard]] std::span<const Command> resp_commands();
/// In any case; null: there is none of that name.
[[nodiscard]] const Command* find_command(std::string_view name);
/// Whether a command may have so many words.
[[nodiscard]] constexpr bool fits(std::int8_t arity, std::size_t words) {
    return arity < 0 ? words >= static_cast<std::size_t>(-arity)
                     : words == static_cast<std::size_t>(arity);
}

/// Answers a request that is no command (null), or one with that many words.
void refuse_request(const Command* command,
                    std::span<const std::string_view> words,
                    resp::ReplyWriter& reply);

/// "client|setname" of a command with subcommands: `words[1]` in small letters, and how many words it
/// takes. Answers errors; false then.
struct Subcommand {
    std::string_view name;
    std::int8_t arity;
    void (*run)(Call& call);
};

void run_subcommand(Call& call, std::span<const Subcommand> subcommands);

/// An integer argument; nothing: an error was answered.
[[nodiscard]] std::optional<std::int64_t> integer_argument(Call& call, std::string_view text);

/// The monotonic time that an expiry argument means; nothing: an error was answered.
struct ExpiryUnit {
    bool is_seconds = false;
    bool is_absolute = false;  ///< of the wall clock
};

/// `text` as an expiry of `call`; past times are allowed only where `may_be_past`.
[[nodiscard]] std::optional<Millis> expiry_argument(Call& call,
                                                    std::string_view text,
                                                    ExpiryUnit unit,
                                                    bool may_be_past);

}  // namespace sluice::modules
