// SPDX-License-Identifier: BSD-2-Clause
// ZoneUser: what one thread does with a zone: get, put, update, erase, scan. Every call takes one
// shard's lock, does a bounded piece of work without a system call, and lets go. A shard whose last
// owner died inside is repaired first, so every key is readable or cleanly absent.
// Runs in: worker, logger (saving).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/units.h"
#include "shm/shard.h"
#include "shm/zone.h"
#include "sys/futex.h"

namespace sluice::shm {

inline constexpr std::size_t kMaxKeyBytes = 65535;
/// Largest value that update() can be used with.
inline constexpr std::size_t kMaxUpdateBytes = 2048;

enum class ZoneOutcome : std::uint8_t {
    Done,
    Absent,          ///< no such key (or it has expired)
    Exists,          ///< IfAbsent, and the key is there
    VersionDiffers,  ///< IfVersion, and the key has another one
    NoRoom,          ///< larger than a quarter of a shard, or longer than kMaxKeyBytes
    Busy,            ///< the shard's lock was not to be had: the zone does not take part
};

/// What get() found.
struct ZoneValue {
    ZoneOutcome outcome = ZoneOutcome::Absent;
    std::size_t size = 0;  ///< of the value; it was copied where the buffer is large enough
    std::uint64_t version = 0;
    Millis expires{0};  ///< monotonic; 0: never
};

enum class PutWhen : std::uint8_t { Always, IfAbsent, IfPresent, IfVersion };

struct PutOptions {
    Millis now;         ///< monotonic
    Millis expires{0};  ///< monotonic; 0: never
    PutWhen when = PutWhen::Always;
    std::uint64_t version = 0;        ///< with IfVersion: the one that the key must have
    std::uint64_t given_version = 0;  ///< the new entry's; 0: the next of the shard
    std::string_view head{};          ///< stands before the value, as a part of it
};

struct PutResult {
    ZoneOutcome outcome = ZoneOutcome::Done;
    bool was_there = false;
    std::uint64_t version = 0;
};

/// A value while update()'s function changes it. It works on a copy; the zone changes after it.
struct Draft {
    std::span<char, kMaxUpdateBytes> bytes;
    std::size_t size = 0;  ///< of the value; the function may change it
    bool is_new = true;    ///< the key was not there; size is 0
    Millis expires{0};     ///< monotonic; 0: never
};

/// What get() does with a value that is larger than the buffer.
enum class ReadLarge : std::uint8_t {
    Nothing,    ///< tells its size
    Beginning,  ///< and copies what the buffer can hold
};

/// What scan() gives of each entry.
enum class ScanParts : std::uint8_t {
    All,
    Keys,  ///< no values, though records tell their size
};

enum class Decision : std::uint8_t {
    Leave,  ///< nothing changes
    Store,
    Erase,
};

/// Before each entry that scan() gives; key and value follow without padding.
struct ZoneRecord {
    std::uint32_t key_bytes = 0;
    std::uint32_t value_bytes = 0;
    std::uint64_t version = 0;
    std::int64_t expires = 0;  ///< monotonic milliseconds; 0: never
};

static_assert(sizeof(ZoneRecord) == 24);

/// Where a scan is; begins with {}.
struct ScanCursor {
    std::uint32_t shard = 0;
    std::uint32_t bucket = 0;
};

struct ScanStep {
    std::size_t size = 0;     ///< bytes of records that were written
    std::size_t entries = 0;  ///< how many records that are
    std::size_t needed = 0;   ///< not 0: the next bucket alone needs a buffer of that many bytes
    bool is_end = false;
};

class ZoneUser {
  public:
    /// `zone` and `owner` outlive it; `owner` is the calling thread's.
    ZoneUser(const Zone& zone, sys::RobustOwner& owner) : zone_(zone), owner_(owner) {}

    [[nodiscard]] const Zone& zone() const { return zone_; }

    /// The calling thread as an owner of locks, for kinds of zone that keep records of their own.
    [[nodiscard]] sys::RobustOwner& owner() const { return owner_; }

    /// Copies the value into `out` where it fits there, else does as `large` says.
    [[nodiscard]] ZoneValue get(std::string_view key,
                                Millis now,
                                std::span<char> out,
                                ReadLarge large = ReadLarge::Nothing);
    [[nodiscard]] PutResult put(std::string_view key,
                                std::string_view value,
                                const PutOptions& options);
    /// `version`: only the entry with this one.
    [[nodiscard]] ZoneOutcome erase(std::string_view key,
                                    Millis now,
                                    std::optional<std::uint64_t> version = std::nullopt);

    /// Calls `change(draft)`, which gives a Decision, with the key's value or an empty one, and
    /// stores what it made, all under the shard's lock: `change` has to be short and call nothing.
    template <class Change>
    [[nodiscard]] ZoneOutcome update(std::string_view key, Millis now, const Change& change) {
        return update_with(
            key, now,
            [](const void* self, Draft& draft) {
                return (*static_cast<const Change*>(self))(draft);
            },
            &change);
    }

    /// Calls `change(old)`, which gives the key's new expiry, 0 for never, or nothing where it is to
    /// stay; under the shard's lock, as update() does. Gives whether the key was there.
    template <class Change>
    [[nodiscard]] ZoneOutcome set_expiry(std::string_view key, Millis now, const Change& change) {
        return set_expiry_with(
            key, now,
            [](const void* self, Millis old) -> std::optional<Millis> {
                return (*static_cast<const Change*>(self))(old);
            },
            &change);
    }

    /// Removes every entry, shard by shard. False: some shard's lock was not to be had.
    [[nodiscard]] bool clear();

    /// Writes the entries of some more buckets into `out` as records. Entries that move meanwhile
    /// may be missed.
    [[nodiscard]] ScanStep scan(ScanCursor& cursor,
                                Millis now,
                                std::span<char> out,
                                ScanParts parts = ScanParts::All);

  private:
    class Section;
    using ChangeFn = Decision (*)(const void*, Draft&);
    using ExpiryFn = std::optional<Millis> (*)(const void*, Millis);

    [[nodiscard]] ZoneOutcome update_with(std::string_view key,
                                          Millis now,
                                          ChangeFn change,
                                          const void* context);
    [[nodiscard]] ZoneOutcome set_expiry_with(std::string_view key,
                                              Millis now,
                                              ExpiryFn change,
                                              const void* context);
    [[nodiscard]] std::uint64_t hash_of(std::string_view key) const {
        return siphash(zone_.hash_key(), key);
    }

    const Zone& zone_;
    sys::RobustOwner& owner_;
};

}  // namespace sluice::shm
