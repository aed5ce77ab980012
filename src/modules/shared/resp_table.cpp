// SPDX-License-Identifier: BSD-2-Clause
// The table of RESP commands, and finding one by its name.
// Runs in: worker.
#include <array>
#include <bit>
#include <cstring>

#include "modules/shared/resp_commands.h"

namespace sluice::modules {

namespace {

constexpr std::uint16_t kRead = kRespReadonly;
constexpr std::uint16_t kReadFast = kRespReadonly | kRespFast;
constexpr std::uint16_t kWrite = kRespWrite;
constexpr std::uint16_t kWriteFast = kRespWrite | kRespFast;
constexpr std::uint16_t kStore = kRespWrite | kRespDenyOom;
constexpr std::uint16_t kStoreFast = kRespWrite | kRespDenyOom | kRespFast;
constexpr std::uint16_t kTalk = kRespLoading | kRespStale | kRespFast;
constexpr KeyPlaces kNone{};
constexpr KeyPlaces kOne{1, 1, 1};
constexpr KeyPlaces kAll{1, -1, 1};
constexpr KeyPlaces kPairs{1, -1, 2};

namespace f = resp_run;

// clang-format off
constexpr Command kCommands[] = {
    {"append", 3, kStoreFast, kOne, &f::append, "string", "2.0.0", "Append a value to a key"},
    {"get", 2, kReadFast, kOne, &f::get, "string", "1.0.0", "Get the value of a key"},
    {"getdel", 2, kWriteFast, kOne, &f::getdel, "string", "6.2.0", "Get the value of a key and delete the key"},
    {"getex", -2, kWriteFast, kOne, &f::getex, "string", "6.2.0", "Get the value of a key and optionally set its expiration"},
    {"getset", 3, kStoreFast, kOne, &f::getset, "string", "1.0.0", "Set the string value of a key and return its old value"},
    {"mget", -2, kReadFast, kAll, &f::mget, "string", "1.0.0", "Get the values of all the given keys"},
    {"mset", -3, kStore, kPairs, &f::mset, "string", "1.0.1", "Set multiple keys to multiple values"},
    {"psetex", 4, kStore, kOne, &f::psetex, "string", "2.6.0", "Set the value and expiration in milliseconds of a key"},
    {"set", -3, kStore, kOne, &f::set, "string", "1.0.0", "Set the string value of a key"},
    {"setex", 4, kStore, kOne, &f::setex, "string", "2.0.0", "Set the value and expiration of a key"},
    {"setnx", 3, kStoreFast, kOne, &f::setnx, "string", "1.0.0", "Set the value of a key, only if the key does not exist"},
    {"strlen", 2, kReadFast, kOne, &f::strlen, "string", "2.2.0", "Get the length of the value stored in a key"},
    {"decr", 2, kStoreFast, kOne, &f::decr, "string", "1.0.0", "Decrement the integer value of a key by one"},
    {"decrby", 3, kStoreFast, kOne, &f::decrby, "string", "1.0.0", "Decrement the integer value of a key by the given number"},
    {"incr", 2, kStoreFast, kOne, &f::incr, "string", "1.0.0", "Increment the integer value of a key by one"},
    {"incrby", 3, kStoreFast, kOne, &f::incrby, "string", "1.0.0", "Increment the integer value of a key by the given amount"},

    {"dbsize", 1, kReadFast, kNone, &f::dbsize, "server", "1.0.0", "Return the number of keys in the selected database"},
    {"del", -2, kWrite, kAll, &f::del, "generic", "1.0.0", "Delete a key"},
    {"exists", -2, kReadFast, kAll, &f::exists, "generic", "1.0.0", "Determine if a key exists"},
    {"expire", -3, kWriteFast, kOne, &f::expire, "generic", "1.0.0", "Set a key's time to live in seconds"},
    {"expireat", -3, kWriteFast, kOne, &f::expireat, "generic", "1.2.0", "Set the expiration for a key as a UNIX timestamp"},
    {"expiretime", 2, kReadFast, kOne, &f::expiretime, "generic", "7.0.0", "Get the expiration Unix timestamp for a key"},
    {"flushall", -1, kWrite, kNone, &f::flush, "server", "1.0.0", "Remove all keys from all databases"},
    {"flushdb", -1, kWrite, kNone, &f::flush, "server", "1.0.0", "Remove all keys from the current database"},
    {"keys", 2, kRead, kNone, &f::keys, "generic", "1.0.0", "Find all keys matching the given pattern"},
    {"persist", 2, kWriteFast, kOne, &f::persist, "generic", "2.2.0", "Remove the expiration from a key"},
    {"pexpire", -3, kWriteFast, kOne, &f::pexpire, "generic", "2.6.0", "Set a key's time to live in milliseconds"},
    {"pexpireat", -3, kWriteFast, kOne, &f::pexpireat, "generic", "2.6.0", "Set the expiration for a key as a UNIX timestamp specified in milliseconds"},
    {"pexpiretime", 2, kReadFast, kOne, &f::pexpiretime, "generic", "7.0.0", "Get the expiration Unix timestamp for a key in milliseconds"},
    {"pttl", 2, kReadFast, kOne, &f::pttl, "generic", "2.6.0", "Get the time to live for a key in milliseconds"},
    {"scan", -2, kRead, kNone, &f::scan, "generic", "2.8.0", "Incrementally iterate the keys space"},
    {"touch", -2, kReadFast, kAll, &f::exists, "generic", "3.2.1", "Alters the last access time of a key(s). Returns the number of existing keys specified."},
    {"ttl", 2, kReadFast, kOne, &f::ttl, "generic", "1.0.0", "Get the time to live for a key in seconds"},
    {"type", 2, kReadFast, kOne, &f::type, "generic", "1.0.0", "Determine the type stored at key"},
    {"unlink", -2, kWriteFast, kAll, &f::del, "generic", "4.0.0", "Delete a key"},

    {"auth", -2, kTalk | kRespNoAuth, kNone, &f::auth, "connection", "1.0.0", "Authenticate to the server"},
    {"client", -2, kRespLoading | kRespStale, kNone, &f::client, "connection", "2.4.0", "A container for client connection commands"},
    {"command", -1, kRespLoading | kRespStale, kNone, &f::command, "server", "2.8.13", "Get array of Redis command details"},
    {"config", -2, kRespAdmin | kRespLoading | kRespStale, kNone, &f::config, "server", "2.0.0", "A container for server configuration commands"},
    {"echo", 2, kTalk, kNone, &f::echo, "connection", "1.0.0", "Echo the given string"},
    {"hello", -1, kTalk | kRespNoAuth, kNone, &f::hello, "connection", "6.0.0", "Handshake with Redis"},
    {"info", -1, kRespLoading | kRespStale, kNone, &f::info, "server", "1.0.0", "Get information and statistics about the server"},
    {"ping", -1, kTalk, kNone, &f::ping, "connection", "1.0.0", "Ping the server"},
    {"quit", -1, kTalk | kRespNoAuth, kNone, &f::quit, "connection", "1.0.0", "Close the connection"},
    {"reset", 1, kTalk | kRespNoAuth, kNone, &f::reset, "connection", "6.2.0", "Reset the connection"},
    {"select", 2, kTalk, kNone, &f::select, "connection", "1.0.0", "Change the selected database for the current connection"},
    {"time", 1, kTalk, kNone, &f::time, "server", "2.6.0", "Return the current server time"},
};
// clang-format on

constexpr std::size_t kLongestName = 16;

/// A name as two words, without regard to case: letters are the only bytes that the bit 0x20 makes
/// into small letters, and names consist of letters. The name's length belongs to it.
struct NameKey {
    std::uint64_t head = 0;
    std::uint64_t tail = 0;

    friend constexpr bool operator==(const NameKey&, const NameKey&) = default;
};

constexpr std::uint64_t kSmall = 0x2020'2020'2020'2020;

template <class Word>
constexpr std::uint64_t load(const char* from) {
    std::uint64_t word = 0;
    if consteval {
        for (std::size_t i = 0; i < sizeof(Word); ++i) {
            word |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
        }
    } else {
        Word loaded = 0;
        std::memcpy(&loaded, from, sizeof loaded);
        word = loaded;
    }
    return word | kSmall;
}

static_assert(std::endian::native == std::endian::little);

/// `name` is not empty and at most kLongestName long.
constexpr NameKey key_of(std::string_view name) {
    const char* const begin = name.data();
    const std::size_t size = name.size();
    if (size >= 8) {
        return {load<std::uint64_t>(begin), load<std::uint64_t>(begin + size - 8)};
    }
    if (size >= 4) {
        return {load<std::uint32_t>(begin), load<std::uint32_t>(begin + size - 4)};
    }
    return {load<std::uint8_t>(begin) << 8 | load<std::uint8_t>(begin + size / 2),
            load<std::uint8_t>(begin + size - 1)};
}

/// Of each command's name, with its length: what find_command compares.
struct Named {
    NameKey key;
    std::size_t size = 0;
};

constexpr std::array<Named, std::size(kCommands)> kNamed = [] {
    std::array<Named, std::size(kCommands)> named{};
    for (std::size_t i = 0; i < named.size(); ++i) {
        named[i] = {key_of(kCommands[i].name), kCommands[i].name.size()};
    }
    return named;
}();

constexpr std::size_t kPlaces = 256;

constexpr std::size_t place_of(const NameKey& key, std::size_t size) {
    const std::uint64_t mixed = (key.head ^ std::rotl(key.tail, 29) ^ size) * 0x9e37'79b9'7f4a'7c15;
    return mixed >> 56;
}

static_assert(kPlaces == 256);

/// Number of the command + 1 at its name's place or behind it; 0: none.
constexpr std::array<std::uint8_t, kPlaces> kIndex = [] {
    std::array<std::uint8_t, kPlaces> index{};
    for (std::size_t i = 0; i < std::size(kCommands); ++i) {
        std::size_t place = place_of(kNamed[i].key, kNamed[i].size);
        while (index[place] != 0) {
            place = (place + 1) % kPlaces;
        }
        index[place] = static_cast<std::uint8_t>(i + 1);
    }
    return index;
}();

}  // namespace

std::span<const Command> resp_commands() {
    return kCommands;
}

const Command* find_command(std::string_view name) {
    if (name.empty() || name.size() > kLongestName) {
        return nullptr;
    }
    const NameKey key = key_of(name);
    for (std::size_t place = place_of(key, name.size()); kIndex[place] != 0;
         place = (place + 1) % kPlaces) {
        const std::size_t number = kIndex[place] - std::size_t{1};
        if (kNamed[number].size == name.size() && kNamed[number].key == key) {
            return &kCommands[number];
        }
    }
    return nullptr;
}

}  // namespace sluice::modules
