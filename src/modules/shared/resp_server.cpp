// SPDX-License-Identifier: BSD-2-Clause
// RESP commands on the connection and the server: PING, ECHO, HELLO, SELECT, CLIENT, COMMAND, INFO and
// what client libraries ask when they begin.
// Runs in: worker.
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "base/ascii.h"
#include "base/version.h"
#include "modules/shared/resp_commands.h"
#include "proto/resp/glob.h"
#include "proto/resp/integer.h"
#include "proto/resp/request_parser.h"

namespace sluice::modules::resp_run {

namespace {

/// The version of redis-server whose commands and errors these are; clients choose by it what they ask.
constexpr std::string_view kRedisVersion = "7.0.15";
constexpr std::size_t kLongestClientName = 255;

/// A name without blanks and control bytes; false: an error was answered.
bool take_name(Call& call, std::string_view name) {
    for (const char c : name) {
        if (c < '!' || c > '~') {
            call.fail("ERR Client names cannot contain spaces, newlines or special characters.");
            return false;
        }
    }
    if (name.size() > kLongestClientName) {
        call.fail("ERR Client names cannot be longer than 255 bytes.");
        return false;
    }
    call.client.name = name;
    return true;
}

bool refuse_password(Call& call, std::string_view user) {
    if (user == "default") {
        return false;  // any password is right where none is asked for
    }
    call.fail("WRONGPASS invalid username-password pair or user is disabled.");
    return true;
}

}  // namespace

void ping(Call& call) {
    if (call.words.size() > 2) {
        return call.fail("ERR wrong number of arguments for 'ping' command");
    }
    call.words.size() == 1 ? call.reply.simple("PONG") : call.reply.bulk(call.words[1]);
}

void echo(Call& call) {
    call.reply.bulk(call.words[1]);
}

void quit(Call& call) {
    call.client.is_leaving = true;
    call.reply.ok();
}

void reset(Call& call) {
    call.client.version = resp::Version::Resp2;
    call.client.name.clear();
    call.reply.simple("RESET");
}

void select(Call& call) {
    const auto number = integer_argument(call, call.words[1]);
    if (!number) {
        return;
    }
    if (*number != 0) {
        return call.fail("ERR DB index is out of range");
    }
    call.reply.ok();
}

void auth(Call& call) {
    if (call.words.size() > 3) {
        return call.fail("ERR syntax error");
    }
    if (call.words.size() == 2) {
        return call.fail(
            "ERR AUTH <password> called without any password configured for the default user. Are "
            "you sure your configuration is correct?");
    }
    if (!refuse_password(call, call.words[1])) {
        call.reply.ok();
    }
}

void time(Call& call) {
    const std::int64_t wall = call.wall.count();
    call.reply.array(2);
    call.reply.bulk(std::to_string(wall / 1000));
    call.reply.bulk(std::to_string(wall % 1000 * 1000));
}

void hello(Call& call) {
    resp::Version version = call.client.version;
    std::size_t next = 1;
    if (call.words.size() > 1) {
        const auto number = resp::parse_integer(call.words[1]);
        if (!number) {
            return call.fail("ERR Protocol version is not an integer or out of range");
        }
        if (*number != 2 && *number != 3) {
            return call.fail("NOPROTO unsupported protocol version");
        }
        version = *number == 3 ? resp::Version::Resp3 : resp::Version::Resp2;
        next = 2;
    }
    std::string_view name;
    bool has_name = false;
    while (next < call.words.size()) {
        const std::size_t left = call.words.size() - next - 1;
        const std::string_view word = call.words[next];
        if (equals_ignoring_case(word, "auth") && left >= 2) {
            if (refuse_password(call, call.words[next + 1])) {
                return;
            }
            next += 3;
        } else if (equals_ignoring_case(word, "setname") && left >= 1) {
            name = call.words[next + 1];
            has_name = true;
            next += 2;
        } else {
            return call.fail("ERR Syntax error in HELLO option '" +
                             std::string(word.substr(0, 128)) + "'");
        }
    }
    if (has_name && !take_name(call, name)) {
        return;
    }
    call.client.version = version;
    call.reply.map(7);
    call.reply.bulk("server");
    call.reply.bulk("redis");
    call.reply.bulk("version");
    call.reply.bulk(kRedisVersion);
    call.reply.bulk("proto");
    call.reply.integer(static_cast<std::int64_t>(version));
    call.reply.bulk("id");
    call.reply.integer(static_cast<std::int64_t>(call.client.id));
    call.reply.bulk("mode");
    call.reply.bulk("standalone");
    call.reply.bulk("role");
    call.reply.bulk("master");
    call.reply.bulk("modules");
    call.reply.array(0);
}

// ---- client, config ----

namespace {

void client_setname(Call& call) {
    if (take_name(call, call.words[2])) {
        call.reply.ok();
    }
}

void client_getname(Call& call) {
    call.client.name.empty() ? call.reply.null() : call.reply.bulk(call.client.name);
}

void client_id(Call& call) {
    call.reply.integer(static_cast<std::int64_t>(call.client.id));
}

void client_setinfo(Call& call) {
    const std::string_view what = call.words[2];
    if (!equals_ignoring_case(what, "lib-name") && !equals_ignoring_case(what, "lib-ver")) {
        return call.fail("ERR Unrecognized option '" + std::string(what.substr(0, 128)) + "'");
    }
    call.reply.ok();  // nobody asks for it again
}

constexpr Subcommand kClientCommands[] = {
    {"getname", 2, &client_getname},
    {"id", 2, &client_id},
    {"setinfo", 4, &client_setinfo},
    {"setname", 3, &client_setname},
};

/// The settings that tools ask for, as far as they have a meaning here.
void config_get(Call& call) {
    const std::string largest = std::to_string(call.largest);
    const std::array<std::array<std::string_view, 2>, 5> settings{{
        {"appendonly", "no"},
        {"databases", "1"},
        {"maxmemory-policy", "allkeys-lru"},
        {"proto-max-bulk-len", largest},
        {"save", ""},
    }};
    std::vector<const std::array<std::string_view, 2>*> found;
    for (const auto& setting : settings) {
        for (const std::string_view pattern : call.words.subspan(2)) {
            if (resp::matches_glob(pattern, setting[0])) {
                found.push_back(&setting);
                break;
            }
        }
    }
    call.reply.map(found.size());
    for (const auto* setting : found) {
        call.reply.bulk((*setting)[0]);
        call.reply.bulk((*setting)[1]);
    }
}

constexpr Subcommand kConfigCommands[] = {{"get", -3, &config_get}};

}  // namespace

void client(Call& call) {
    run_subcommand(call, kClientCommands);
}

void config(Call& call) {
    run_subcommand(call, kConfigCommands);
}

// ---- command ----

namespace {

struct FlagName {
    std::uint16_t bit;
    std::string_view name;
};

constexpr FlagName kFlagNames[] = {
    {kRespWrite, "write"},     {kRespReadonly, "readonly"}, {kRespDenyOom, "denyoom"},
    {kRespAdmin, "admin"},     {kRespLoading, "loading"},   {kRespStale, "stale"},
    {kRespFast, "fast"},       {kRespNoAuth, "no_auth"},
};

/// Name, arity, flags, places of keys, categories, tips, key specifications, subcommands.
void describe(Call& call, const Command& command) {
    resp::ReplyWriter& reply = call.reply;
    reply.array(10);
    reply.bulk(command.name);
    reply.integer(command.arity);
    std::size_t flags = 0;
    for (const FlagName& flag : kFlagNames) {
        flags += (command.flags & flag.bit) != 0 ? 1U : 0U;
    }
    reply.set(flags);
    for (const FlagName& flag : kFlagNames) {
        if ((command.flags & flag.bit) != 0) {
            reply.simple(flag.name);
        }
    }
    reply.integer(command.keys.first);
    reply.integer(command.keys.last);
    reply.integer(command.keys.step);
    reply.set(1);
    reply.simple("@" + std::string(command.group));
    reply.array(0);
    reply.array(0);
    reply.array(0);
}

void command_count(Call& call) {
    call.reply.integer(static_cast<std::int64_t>(resp_commands().size()));
}

void command_list(Call& call) {
    call.reply.array(resp_commands().size());
    for (const Command& command : resp_commands()) {
        call.reply.bulk(command.name);
    }
}

void command_info(Call& call) {
    if (call.words.size() == 2) {
        call.reply.array(resp_commands().size());
        for (const Command& command : resp_commands()) {
            describe(call, command);
        }
        return;
    }
    call.reply.array(call.words.size() - 2);
    for (const std::string_view name : call.words.subspan(2)) {
        const Command* const command = find_command(name);
        command == nullptr ? call.reply.null_array() : describe(call, *command);
    }
}

void document(Call& call, const Command& command) {
    call.reply.bulk(command.name);
    call.reply.map(3);
    call.reply.bulk("summary");
    call.reply.bulk(command.summary);
    call.reply.bulk("since");
    call.reply.bulk(command.since);
    call.reply.bulk("group");
    call.reply.bulk(command.group);
}

void command_docs(Call& call) {
    if (call.words.size() == 2) {
        call.reply.map(resp_commands().size());
        for (const Command& command : resp_commands()) {
            document(call, command);
        }
        return;
    }
    std::size_t known = 0;
    for (const std::string_view name : call.words.subspan(2)) {
        known += find_command(name) != nullptr ? 1U : 0U;
    }
    call.reply.map(known);
    for (const std::string_view name : call.words.subspan(2)) {
        if (const Command* const command = find_command(name); command != nullptr) {
            document(call, *command);
        }
    }
}

constexpr Subcommand kCommandCommands[] = {
    {"count", 2, &command_count},
    {"docs", -2, &command_docs},
    {"info", -2, &command_info},
    {"list", 2, &command_list},
};

}  // namespace

void command(Call& call) {
    if (call.words.size() > 1) {
        return run_subcommand(call, kCommandCommands);
    }
    call.reply.array(resp_commands().size());
    for (const Command& one : resp_commands()) {
        describe(call, one);
    }
}

// ---- info ----

namespace {

using Text = std::back_insert_iterator<std::string>;

void write_server(Call& call, Text out) {
    fmt::format_to(out, "redis_version:{}\r\nredis_mode:standalone\r\nsluice_version:{}\r\n",
                   kRedisVersion, kVersion);
    if (const metrics::Station* const station = call.worker.station; station != nullptr) {
        fmt::format_to(out, "worker_slot:{}\r\n", station->slot.value);
    }
}

void write_clients(Call& call, Text out) {
    const metrics::Station* const station = call.worker.station;
    fmt::format_to(out, "connected_clients:{}\r\n",
                   station == nullptr ? 1 : station->sum(kRespRows, RespRow::Clients));
}

void write_memory(Call& call, Text out) {
    const shm::ZoneStats stats = call.zone.zone().stats();
    fmt::format_to(out, "used_memory:{}\r\nmaxmemory:{}\r\nmaxmemory_policy:allkeys-lru\r\n",
                   stats.used_bytes, stats.capacity_bytes);
}

void write_stats(Call& call, Text out) {
    const shm::ZoneStats stats = call.zone.zone().stats();
    const metrics::Station* const station = call.worker.station;
    const std::uint64_t commands =
        station == nullptr ? 0 : station->sum(kRespRows, RespRow::Commands);
    fmt::format_to(out,
                   "total_commands_processed:{}\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n"
                   "expired_keys:{}\r\nevicted_keys:{}\r\n",
                   commands, stats.hits, stats.misses, stats.expired, stats.evictions);
}

void write_replication(Call&, Text out) {
    fmt::format_to(out, "role:master\r\nconnected_slaves:0\r\n");
}

void write_keyspace(Call& call, Text out) {
    const std::uint64_t entries = call.zone.zone().stats().entries;
    if (entries > 0) {
        fmt::format_to(out, "db0:keys={}\r\n", entries);
    }
}

struct InfoSection {
    std::string_view name;
    void (*write)(Call& call, Text out);
};

constexpr InfoSection kInfo[] = {
    {"Server", &write_server},           {"Clients", &write_clients},
    {"Memory", &write_memory},           {"Stats", &write_stats},
    {"Replication", &write_replication}, {"Keyspace", &write_keyspace},
};

bool wants_section(const Call& call, std::string_view section) {
    for (const std::string_view word : call.words.subspan(1)) {
        for (const std::string_view all : {"all", "default", "everything"}) {
            if (equals_ignoring_case(word, all)) {
                return true;
            }
        }
        if (equals_ignoring_case(word, section)) {
            return true;
        }
    }
    return call.words.size() == 1;
}

}  // namespace

void info(Call& call) {
    std::string text;
    for (const InfoSection& section : kInfo) {
        if (wants_section(call, section.name)) {
            text += text.empty() ? "" : "\r\n";
            fmt::format_to(std::back_inserter(text), "# {}\r\n", section.name);
            section.write(call, std::back_inserter(text));
        }
    }
    call.reply.verbatim(text);
}

}  // namespace sluice::modules::resp_run
