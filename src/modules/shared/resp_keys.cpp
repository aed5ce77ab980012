// SPDX-License-Identifier: BSD-2-Clause
// RESP commands on keys: DEL, EXISTS, times to live, TYPE, KEYS, SCAN, DBSIZE, FLUSHDB.
// Runs in: worker.
#include <algorithm>
#include <cstring>
#include <limits>

#include "base/ascii.h"
#include "modules/shared/resp_commands.h"
#include "modules/shared/resp_values.h"
#include "proto/resp/glob.h"
#include "proto/resp/integer.h"

namespace sluice::modules::resp_run {

namespace {

using shm::ZoneOutcome;

enum class ExpireWhen : std::uint8_t { Always, HasNone, HasOne, Later, Sooner };

/// The words behind an expiry: NX, XX, GT, LT. False: an error was answered.
bool read_conditions(Call& call, ExpireWhen& when, bool& needs_expiry) {
    bool has[4] = {};  // nx xx gt lt
    for (std::size_t i = 3; i < call.words.size(); ++i) {
        constexpr std::string_view kWords[] = {"nx", "xx", "gt", "lt"};
        const auto* const found = std::ranges::find_if(kWords, [&](std::string_view word) {
            return equals_ignoring_case(word, call.words[i]);
        });
        if (found == std::end(kWords)) {
            call.fail("ERR Unsupported option " + std::string(call.words[i].substr(0, 128)));
            return false;
        }
        has[found - std::begin(kWords)] = true;
    }
    if (has[0] && (has[1] || has[2] || has[3])) {
        call.fail("ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (has[2] && has[3]) {
        call.fail("ERR GT and LT options at the same time are not compatible");
        return false;
    }
    needs_expiry = has[1];
    when = has[0]   ? ExpireWhen::HasNone
           : has[2] ? ExpireWhen::Later
           : has[3] ? ExpireWhen::Sooner
           : has[1] ? ExpireWhen::HasOne
                    : ExpireWhen::Always;
    return true;
}

bool holds(ExpireWhen when, Millis old, Millis wanted) {
    const bool is_forever = old.count() == 0;
    switch (when) {
        case ExpireWhen::Always:
            return true;
        case ExpireWhen::HasNone:
            return is_forever;
        case ExpireWhen::HasOne:
            return !is_forever;
        case ExpireWhen::Later:
            return !is_forever && wanted > old;
        case ExpireWhen::Sooner:
            return is_forever || wanted < old;
    }
    return false;
}

void set_expiry(Call& call, ExpiryUnit unit) {
    ExpireWhen when = ExpireWhen::Always;
    bool needs_expiry = false;
    if (!read_conditions(call, when, needs_expiry)) {
        return;
    }
    const auto expires = expiry_argument(call, call.words[2], unit, true);
    if (!expires) {
        return;
    }
    bool is_set = false;
    const ZoneOutcome outcome =
        call.zone.set_expiry(call.key(), call.now, [&](Millis old) -> std::optional<Millis> {
            is_set = holds(when, old, *expires) && (!needs_expiry || old.count() != 0);
            return is_set ? expires : std::nullopt;
        });
    if (outcome == ZoneOutcome::Busy) {
        return call.refuse(outcome);
    }
    if (is_set && *expires <= call.now) {
        static_cast<void>(call.zone.get(call.key(), call.now, {}));  // removes it
    }
    call.reply.integer(is_set ? 1 : 0);
}

/// What is left of a key's time in milliseconds; -1 for ever, -2: there is no such key.
void reply_expiry(Call& call, ExpiryUnit unit) {
    const ValueFacts found = look_at(call, call.key());
    if (found.outcome == ZoneOutcome::Busy) {
        return call.refuse(found.outcome);
    }
    if (found.outcome != ZoneOutcome::Done || found.expires.count() == 0) {
        return call.reply.integer(found.outcome == ZoneOutcome::Done ? -1 : -2);
    }
    const Millis left = found.expires - call.now;
    const std::int64_t time = unit.is_absolute ? (left + call.wall).count() : left.count();
    call.reply.integer(unit.is_seconds ? (time + 500) / 1000 : time);
}

}  // namespace

void del(Call& call) {
    std::int64_t count = 0;
    for (const std::string_view key : call.words.subspan(1)) {
        count += call.zone.erase(key, call.now) == ZoneOutcome::Done ? 1 : 0;
    }
    call.reply.integer(count);
}

void exists(Call& call) {
    std::int64_t count = 0;
    for (const std::string_view key : call.words.subspan(1)) {
        count += look_at(call, key).outcome == ZoneOutcome::Done ? 1 : 0;
    }
    call.reply.integer(count);
}

void expire(Call& call) {
    set_expiry(call, {.is_seconds = true});
}

void pexpire(Call& call) {
    set_expiry(call, {});
}

void expireat(Call& call) {
    set_expiry(call, {.is_seconds = true, .is_absolute = true});
}

void pexpireat(Call& call) {
    set_expiry(call, {.is_absolute = true});
}

void ttl(Call& call) {
    reply_expiry(call, {.is_seconds = true});
}

void pttl(Call& call) {
    reply_expiry(call, {});
}

void expiretime(Call& call) {
    reply_expiry(call, {.is_seconds = true, .is_absolute = true});
}

void pexpiretime(Call& call) {
    reply_expiry(call, {.is_absolute = true});
}

void persist(Call& call) {
    bool had_one = false;
    const ZoneOutcome outcome =
        call.zone.set_expiry(call.key(), call.now, [&](Millis old) -> std::optional<Millis> {
            had_one = old.count() != 0;
            return had_one ? std::optional(Millis(0)) : std::nullopt;
        });
    if (outcome == ZoneOutcome::Busy) {
        return call.refuse(outcome);
    }
    call.reply.integer(had_one ? 1 : 0);
}

void type(Call& call) {
    const ValueFacts found = look_at(call, call.key());
    call.reply.simple(found.outcome == ZoneOutcome::Done ? "string" : "none");
}

void dbsize(Call& call) {
    call.reply.integer(static_cast<std::int64_t>(call.zone.zone().stats().entries));
}

void flush(Call& call) {
    const bool has_word = call.words.size() == 2;
    if (call.words.size() > 2 || (has_word && !equals_ignoring_case(call.words[1], "sync") &&
                                  !equals_ignoring_case(call.words[1], "async"))) {
        return call.fail("ERR syntax error");
    }
    if (!call.zone.clear()) {
        return call.fail("TRYAGAIN a part of the zone is locked, try again");
    }
    call.reply.ok();
}

// ---- keys and scan ----

namespace {

constexpr std::size_t kFirstRecords = std::size_t{64} * 1024;

/// Keys that fit a pattern, as bulk strings, until somebody says how many they are.
struct Gathered {
    explicit Gathered(resp::BlockPool& pool)
        : bytes(pool), writer(bytes, version) {}

    resp::ByteBuffer bytes;
    resp::Version version = resp::Version::Resp2;
    resp::ReplyWriter writer;
    std::size_t count = 0;
    std::size_t looked_at = 0;
};

/// Adds the keys of some more buckets.
void gather(Call& call, shm::ScanCursor& cursor, std::string_view pattern, Gathered& found) {
    std::string& records = call.worker.keys;
    records.resize(std::max(records.capacity(), kFirstRecords));
    const shm::ScanStep step =
        call.zone.scan(cursor, call.now, records, shm::ScanParts::Keys);
    if (step.needed > records.size()) {
        records.resize(step.needed);  // keys of one bucket; the next call gets them
    }
    std::string_view rest(records.data(), step.size);
    while (rest.size() >= sizeof(shm::ZoneRecord)) {
        shm::ZoneRecord record;
        std::memcpy(&record, rest.data(), sizeof record);
        const std::string_view key = rest.substr(sizeof record, record.key_bytes);
        rest.remove_prefix(sizeof record + key.size());
        if (pattern == "*" || resp::matches_glob(pattern, key)) {
            found.writer.bulk(key);
            ++found.count;
        }
    }
    found.looked_at += step.entries;
}

struct ScanWishes {
    std::string_view pattern = "*";
    std::size_t count = 10;
    bool has_type = true;  ///< false: TYPE of something that no key is
};

bool read_scan_words(Call& call, ScanWishes& wishes) {
    for (std::size_t i = 2; i < call.words.size(); i += 2) {
        const std::string_view word = call.words[i];
        const bool has_value = i + 1 < call.words.size();
        if (has_value && equals_ignoring_case(word, "count")) {
            const auto count = integer_argument(call, call.words[i + 1]);
            if (!count) {
                return false;
            }
            if (*count < 1) {
                call.fail("ERR syntax error");
                return false;
            }
            wishes.count = static_cast<std::size_t>(*count);
        } else if (has_value && equals_ignoring_case(word, "match")) {
            wishes.pattern = call.words[i + 1];
        } else if (has_value && equals_ignoring_case(word, "type")) {
            wishes.has_type = equals_ignoring_case(call.words[i + 1], "string");
        } else {
            call.fail("ERR syntax error");
            return false;
        }
    }
    return true;
}

}  // namespace

void keys(Call& call) {
    constexpr std::size_t kMost = std::size_t{64} * 1024 * 1024;
    Gathered found(call.worker.outputs);
    shm::ScanCursor cursor;
    while (cursor.shard < call.zone.zone().shards()) {
        gather(call, cursor, call.words[1], found);
        if (found.bytes.size() > kMost) {
            return call.fail("ERR too many keys for one reply, use SCAN");
        }
    }
    call.reply.array(found.count);
    call.reply.out().append(found.bytes.view());
}

void scan(Call& call) {
    // However much COUNT asks for, other clients have their turn behind this.
    constexpr std::size_t kMostEntries = 100'000;
    constexpr std::size_t kMostBytes = std::size_t{1024} * 1024;
    const std::optional<std::uint64_t> place = parse_decimal(call.words[1]);
    if (!place) {
        return call.fail("ERR invalid cursor");
    }
    ScanWishes wishes;
    if (!read_scan_words(call, wishes)) {
        return;
    }
    // A cursor is the number of a bucket, counted through all shards.
    const std::uint32_t shards = call.zone.zone().shards();
    const std::uint64_t buckets = call.zone.zone().shape().buckets;
    const std::uint64_t shard = std::min<std::uint64_t>(*place / buckets, shards);
    shm::ScanCursor cursor{.shard = static_cast<std::uint32_t>(shard),
                           .bucket = static_cast<std::uint32_t>(*place % buckets)};
    const std::size_t wanted = std::min(wishes.count, kMostEntries);
    Gathered found(call.worker.outputs);
    for (std::size_t steps = 0; steps < wanted * 10 && found.looked_at < wanted &&
                                found.bytes.size() < kMostBytes && cursor.shard < shards;
         ++steps) {
        gather(call, cursor, wishes.pattern, found);
    }
    const std::uint64_t next =
        cursor.shard < shards ? cursor.shard * buckets + cursor.bucket : 0;
    char digits[24];
    const char* const end = std::to_chars(digits, digits + sizeof digits, next).ptr;
    call.reply.array(2);
    call.reply.bulk({digits, static_cast<std::size_t>(end - digits)});
    call.reply.array(wishes.has_type ? found.count : 0);
    call.reply.out().append(wishes.has_type ? found.bytes.view() : std::string_view{});
}

}  // namespace sluice::modules::resp_run
