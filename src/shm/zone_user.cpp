// SPDX-License-Identifier: BSD-2-Clause
// Operations on a zone.
// Runs in: worker, logger.
#include "shm/zone_user.h"

#include <algorithm>

#include "shm/shard_lock.h"

namespace sluice::shm {

namespace {

/// Buckets that every insertion looks through for expired entries.
constexpr std::uint32_t kSweepBuckets = 2;
constexpr std::uint32_t kScanBuckets = 64;
/// Values up to this size are written in place.
constexpr std::size_t kSmallValue = 256;

}  // namespace

/// One shard, locked while this lives, and repaired where its last owner died.
class ZoneUser::Section {
  public:
    Section(const ZoneUser& user, std::uint32_t index)
        : owner_(user.owner_),
          shard(user.zone_.shard_base(index), user.zone_.shape()) {
        const Locked taken = lock(shard.head().lock, owner_);
        is_busy_ = taken == Locked::Busy;
        if (is_busy_) {
            std::atomic_ref(shard.head().busy).fetch_add(1, std::memory_order_relaxed);
        } else if (taken == Locked::FromDead) {
            shard.repair();
        }
    }

    Section(const ZoneUser& user, std::uint64_t hash)
        // As 32-bit numbers: the division is twice as fast.
        : Section(user, static_cast<std::uint32_t>(hash >> 32) % user.zone_.shards()) {}

    ~Section() {
        if (!is_busy_) {
            shard.commit();
            unlock(shard.head().lock, owner_);
        }
    }

    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

    [[nodiscard]] bool is_busy() const { return is_busy_; }

    /// The key's living entry; one that has expired is removed.
    EntryRef find(std::uint64_t hash, std::string_view key, Millis now) {
        const EntryRef ref = shard.find(hash, key);
        if (ref == 0 || !Shard::has_expired(shard.entry(ref), now)) {
            return ref;
        }
        shard.remove(ref);
        Shard::count(shard.head().expired);
        shard.commit();
        return 0;
    }

    /// Puts `what` in the place of `old` (0: none).
    EntryRef replace(EntryRef old, const NewEntry& what) {
        const std::uint32_t cells = shard.cells_for(what.key.size(), what.value_head.size() + what.value.size());
        if (cells > shape_limit() || what.key.size() > kMaxKeyBytes) {
            Shard::count(shard.head().refusals);
            return 0;
        }
        if (old != 0) {
            shard.touch(old);
            shard.commit();
        }
        if (!shard.make_room(cells, old)) {
            return 0;
        }
        if (old != 0) {
            // The old entry's cells are not free before the section ends: undoing needs them whole.
            return insert_then_remove(old, what);
        }
        return shard.insert(what);
    }

    /// Puts a small value of the same size where the old one is. False, and nothing is changed, where
    /// it is not that.
    bool write_over(EntryRef old,
                    std::string_view head,
                    std::string_view value,
                    Millis expires) {
        std::array<char, kSmallValue> bytes;  // filled as far as `size` says
        const std::size_t size = head.size() + value.size();
        if (size > bytes.size() || shard.entry(old).value_bytes != size) {
            return false;
        }
        std::ranges::copy(value, std::ranges::copy(head, bytes.begin()).out);
        return shard.overwrite(old, {bytes.data(), size}, expires);
    }

    /// Records of a bucket's entries; where `out` is too small none, and what they need.
    void copy_bucket(std::uint32_t bucket,
                     Millis now,
                     std::span<char> out,
                     ScanParts parts,
                     ScanStep& step) {
        std::uint32_t steps = 0;
        for (EntryRef ref = shard.first_in(bucket); ref != 0; ref = shard.after(ref)) {
            const EntryHead& entry = shard.entry(ref);
            const ZoneRecord record{.key_bytes = entry.key_bytes,
                                    .value_bytes = entry.value_bytes,
                                    .version = entry.version,
                                    .expires = entry.expires};
            if (++steps > shard.shape().cells || record.value_bytes > shard.shape().bytes) {
                return;
            }
            if (Shard::has_expired(entry, now)) {
                continue;
            }
            const std::size_t value_bytes = parts == ScanParts::All ? record.value_bytes : 0;
            const std::size_t size = sizeof record + record.key_bytes + value_bytes;
            step.needed += size;
            if (step.needed > out.size()) {
                continue;
            }
            char* const to = out.data() + step.size;
            std::memcpy(to, &record, sizeof record);
            if (!shard.read_key(ref, {to + sizeof record, record.key_bytes}) ||
                !shard.read_value(ref, {to + sizeof record + record.key_bytes, value_bytes})) {
                return;
            }
            step.size += size;
            ++step.entries;
        }
        if (step.needed <= out.size()) {
            step.needed = 0;
        }
    }

  private:
    EntryRef insert_then_remove(EntryRef old, const NewEntry& what) {
        const EntryRef fresh = shard.insert(what);
        if (fresh != 0) {
            shard.remove(old);
        }
        return fresh;
    }

    [[nodiscard]] std::uint32_t shape_limit() const { return shard.shape().largest_entry(); }

    sys::RobustOwner& owner_;
    bool is_busy_ = false;

  public:
    Shard shard;
};

ZoneValue ZoneUser::get(std::string_view key,
                        Millis now,
                        std::span<char> out,
                        ReadLarge large) {
    const std::uint64_t hash = hash_of(key);
    Section section(*this, hash);
    if (section.is_busy()) {
        return {.outcome = ZoneOutcome::Busy};
    }
    Shard& shard = section.shard;
    const EntryRef ref = section.find(hash, key, now);
    if (ref == 0) {
        Shard::count(shard.head().misses);
        return {};
    }
    shard.expect_touch(ref);
    const EntryHead& entry = shard.entry(ref);
    const ZoneValue found{.outcome = ZoneOutcome::Done,
                          .size = entry.value_bytes,
                          .version = entry.version,
                          .expires = Millis(entry.expires)};
    const bool is_read = found.size <= out.size() || large == ReadLarge::Beginning;
    if (is_read && !shard.read_value(ref, out.first(std::min(found.size, out.size())))) {
        return {};
    }
    Shard::count(shard.head().hits);
    shard.touch(ref);
    return found;
}

PutResult ZoneUser::put(std::string_view key, std::string_view value, const PutOptions& options) {
    const std::uint64_t hash = hash_of(key);
    Section section(*this, hash);
    if (section.is_busy()) {
        return {.outcome = ZoneOutcome::Busy};
    }
    Shard& shard = section.shard;
    const EntryRef old = section.find(hash, key, options.now);
    PutResult result{.was_there = old != 0};
    if (old != 0) {
        result.version = shard.entry(old).version;
    }
    const bool wants_old = options.when == PutWhen::IfPresent || options.when == PutWhen::IfVersion;
    if (wants_old && old == 0) {
        result.outcome = ZoneOutcome::Absent;
    } else if (options.when == PutWhen::IfAbsent && old != 0) {
        result.outcome = ZoneOutcome::Exists;
    } else if (options.when == PutWhen::IfVersion && result.version != options.version) {
        result.outcome = ZoneOutcome::VersionDiffers;
    }
    if (result.outcome != ZoneOutcome::Done) {
        return result;
    }
    if (old != 0 && options.given_version == 0 &&
        section.write_over(old, options.head, value, options.expires)) {
        result.version = shard.entry(old).version;
        shard.commit();
        shard.sweep(options.now, kSweepBuckets);
        return result;
    }
    const EntryRef fresh = section.replace(old, {.hash = hash,
                                                 .key = key,
                                                 .value = value,
                                                 .value_head = options.head,
                                                 .expires = options.expires,
                                                 .version = options.given_version});
    if (fresh == 0) {
        result.outcome = ZoneOutcome::NoRoom;
        return result;
    }
    result.version = shard.entry(fresh).version;
    shard.commit();
    shard.sweep(options.now, kSweepBuckets);
    return result;
}

ZoneOutcome ZoneUser::erase(std::string_view key,
                            Millis now,
                            std::optional<std::uint64_t> version) {
    const std::uint64_t hash = hash_of(key);
    Section section(*this, hash);
    if (section.is_busy()) {
        return ZoneOutcome::Busy;
    }
    const EntryRef ref = section.find(hash, key, now);
    if (ref == 0) {
        return ZoneOutcome::Absent;
    }
    if (version && section.shard.entry(ref).version != *version) {
        return ZoneOutcome::VersionDiffers;
    }
    section.shard.remove(ref);
    return ZoneOutcome::Done;
}

ZoneOutcome ZoneUser::update_with(std::string_view key,
                                  Millis now,
                                  ChangeFn change,
                                  const void* context) {
    const std::uint64_t hash = hash_of(key);
    Section section(*this, hash);
    if (section.is_busy()) {
        return ZoneOutcome::Busy;
    }
    Shard& shard = section.shard;
    const EntryRef old = section.find(hash, key, now);
    std::array<char, kMaxUpdateBytes> bytes;  // filled as far as `size` says
    Draft draft{.bytes = bytes, .is_new = old == 0};
    if (old != 0) {
        draft.size = shard.entry(old).value_bytes;
        draft.expires = Millis(shard.entry(old).expires);
        if (draft.size > bytes.size() ||
            !shard.read_value(old, std::span(bytes).first(draft.size))) {
            return ZoneOutcome::NoRoom;
        }
    }
    Shard::count(old != 0 ? shard.head().hits : shard.head().misses);
    const Decision decision = change(context, draft);
    if (decision == Decision::Leave) {
        return ZoneOutcome::Done;
    }
    if (decision == Decision::Erase) {
        if (old != 0) {
            shard.remove(old);
        }
        return ZoneOutcome::Done;
    }
    const std::string_view value(bytes.data(), std::min(draft.size, bytes.size()));
    if (old != 0 && shard.entry(old).value_bytes == value.size() &&
        shard.overwrite(old, value, draft.expires)) {
        return ZoneOutcome::Done;
    }
    const NewEntry what{.hash = hash, .key = key, .value = value, .expires = draft.expires};
    if (section.replace(old, what) == 0) {
        return ZoneOutcome::NoRoom;
    }
    shard.commit();
    shard.sweep(now, kSweepBuckets);
    return ZoneOutcome::Done;
}

ZoneOutcome ZoneUser::set_expiry_with(std::string_view key,
                                      Millis now,
                                      ExpiryFn change,
                                      const void* context) {
    const std::uint64_t hash = hash_of(key);
    Section section(*this, hash);
    if (section.is_busy()) {
        return ZoneOutcome::Busy;
    }
    const EntryRef ref = section.find(hash, key, now);
    if (ref == 0) {
        return ZoneOutcome::Absent;
    }
    if (const auto expires = change(context, Millis(section.shard.entry(ref).expires)); expires) {
        section.shard.set_expiry(ref, *expires);
    }
    return ZoneOutcome::Done;
}

bool ZoneUser::clear() {
    bool is_whole = true;
    for (std::uint32_t index = 0; index < zone_.shards(); ++index) {
        Section section(*this, index);
        if (section.is_busy()) {
            is_whole = false;
        } else {
            section.shard.clear();
        }
    }
    return is_whole;
}

ScanStep ZoneUser::scan(ScanCursor& cursor, Millis now, std::span<char> out, ScanParts parts) {
    ScanStep step{.is_end = cursor.shard >= zone_.shards()};
    if (step.is_end) {
        return step;
    }
    Section section(*this, cursor.shard);
    const std::uint32_t end = std::min(cursor.bucket + kScanBuckets, zone_.shape().buckets);
    for (; cursor.bucket < end && !section.is_busy(); ++cursor.bucket) {
        ScanStep bucket;
        section.copy_bucket(cursor.bucket, now, out.subspan(step.size), parts, bucket);
        if (bucket.needed != 0) {
            step.needed = step.size == 0 ? bucket.needed : 0;
            return step;
        }
        step.size += bucket.size;
        step.entries += bucket.entries;
    }
    if (section.is_busy() || cursor.bucket >= zone_.shape().buckets) {
        cursor = {.shard = cursor.shard + 1, .bucket = 0};
    }
    return step;
}

}  // namespace sluice::shm
