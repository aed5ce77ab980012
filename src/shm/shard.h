// SPDX-License-Identifier: BSD-2-Clause
// Shard: one shard of a zone while its lock is held: entries in a hash table and an LRU list, made
// of cells of one size. Every change of the structure goes through the journal, so that a section
// that was cut off anywhere is undone by whoever takes the lock next. Nothing that is read from
// shared memory is trusted: a number out of range marks the shard broken, and it is emptied.
// Runs in: any.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>
#include <string_view>

#include "base/units.h"
#include "shm/shard_layout.h"

namespace sluice::shm {

/// Number of an entry's first cell; 0: none.
using EntryRef = std::uint32_t;

/// What a new entry is made of.
struct NewEntry {
    std::uint64_t hash = 0;
    std::string_view key;
    std::string_view value;
    std::string_view value_head{};  ///< stands before `value`, as a part of it
    Millis expires{0};          ///< 0: never
    std::uint64_t version = 0;  ///< 0: the shard's next
};

class Shard {
  public:
    Shard(char* base, const ShardShape& shape)
        : base_(base), cells_(base + shape.cells_at()), shape_(shape) {}

    [[nodiscard]] ShardHead& head() const { return *at<ShardHead>(0); }

    [[nodiscard]] const ShardShape& shape() const { return shape_; }

    /// Undoes what a dead owner left half done.
    void repair();
    /// Empties the shard because it makes no sense.
    void reset() {
        count(head().resets);
        clear();
    }
    /// Removes all entries at once.
    void clear();
    /// Ends the section: what was changed stays. A shard that was found broken is emptied.
    void commit() {
        if (journaled_ != 0 || is_broken_) {
            commit_changes();
        }
    }

    /// The entry with that key, expired or not; 0 where there is none.
    [[nodiscard]] EntryRef find(std::uint64_t hash, std::string_view key);
    [[nodiscard]] const EntryHead& entry(EntryRef ref) const { return *entry_at(ref); }
    /// Copies `out.size()` bytes of the value. False: the shard is broken.
    [[nodiscard]] bool read_value(EntryRef ref, std::span<char> out);
    [[nodiscard]] bool read_key(EntryRef ref, std::span<char> out);
    /// Makes it the one used last.
    void touch(EntryRef ref) {
        if (head().lru_head != ref) {
            move_to_front(ref);
        }
    }
    /// Where touch() will be called soon: has the neighbours that it changes fetched meanwhile.
    void expect_touch(EntryRef ref) const {
        for (const EntryRef one : {entry_at(ref)->lru_prev, entry_at(ref)->lru_next}) {
            if (is_cell(one)) {
                __builtin_prefetch(&entry_at(one)->lru_prev, 1);
            }
        }
    }

    void remove(EntryRef ref);
    /// Adds an entry whose key is not there; 0 where there is no room even after make_room().
    EntryRef insert(const NewEntry& what);
    /// Writes a value of the same size over the old one. False, and nothing is changed, where more
    /// than `kInPlaceWords` words differ.
    [[nodiscard]] bool overwrite(EntryRef ref, std::string_view value, Millis expires);

    /// Gives the entry another expiry, and with it another version.
    void set_expiry(EntryRef ref, Millis expires);

    /// Removes entries not used for longest, expired or not, until `cells` are free; `keep` stays.
    /// Commits each. False where that cannot be.
    bool make_room(std::uint32_t cells, EntryRef keep);
    /// Looks at `buckets` more buckets and removes what has expired. Commits each.
    void sweep(Millis now, std::uint32_t buckets) {
        if (head().may_expire != 0) {
            sweep_buckets(now, buckets);
        }
    }

    [[nodiscard]] std::uint32_t cells_for(std::size_t key, std::size_t value) const;
    /// First entry of a bucket and the one after an entry, for scans; 0 ends.
    [[nodiscard]] EntryRef first_in(std::uint32_t bucket) const;
    [[nodiscard]] EntryRef after(EntryRef ref);

    [[nodiscard]] bool is_broken() const { return is_broken_; }

    [[nodiscard]] static bool has_expired(const EntryHead& entry, Millis now) {
        return entry.expires != 0 && entry.expires <= now.count();
    }

    /// Adds to one of the head's facts.
    static void count(std::uint64_t& fact, std::uint64_t by = 1) {
        const std::atomic_ref word(fact);
        word.store(word.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    static constexpr std::size_t kInPlaceWords = 64;

  private:
    template <class T>
    [[nodiscard]] T* at(std::size_t offset) const {
        return static_cast<T*>(static_cast<void*>(base_ + offset));
    }

    [[nodiscard]] bool is_cell(std::uint32_t ref) const { return ref - 1 < shape_.cells; }

    [[nodiscard]] char* cell_at(std::uint32_t ref) const {
        return cells_ + std::size_t{ref - 1} * shape_.cell_bytes;
    }

    [[nodiscard]] EntryHead* entry_at(EntryRef ref) const {
        return static_cast<EntryHead*>(static_cast<void*>(cell_at(ref)));
    }

    /// `ref`, or 0 with the shard marked broken where it is no cell.
    [[nodiscard]] EntryRef checked(EntryRef ref) {
        if (ref != 0 && !is_cell(ref)) {
            is_broken_ = true;
            return 0;
        }
        return ref;
    }

    [[nodiscard]] std::uint32_t& bucket_of(std::uint64_t hash) const {
        return at<std::uint32_t>(ShardShape::buckets_at())[hash & (shape_.buckets - 1)];
    }

    /// What of an entry's payload lies in its first cell.
    [[nodiscard]] std::size_t first_room() const { return shape_.cell_bytes - sizeof(EntryHead); }

    [[nodiscard]] char* payload_at(EntryRef ref) const { return cell_at(ref) + sizeof(EntryHead); }

    void note(void* place);
    void commit_changes();
    void move_to_front(EntryRef ref);
    void sweep_buckets(Millis now, std::uint32_t buckets);
    template <class Int>
    void set(Int& place, Int value);

    template <class Fn>
    [[nodiscard]] bool walk(EntryRef ref, std::size_t from, std::size_t size, Fn fn);
    [[nodiscard]] bool has_key(EntryRef ref, std::string_view key) {
        if (entry_at(ref)->key_bytes != key.size()) {
            return false;
        }
        return key.size() <= first_room() ? std::string_view(payload_at(ref), key.size()) == key
                                          : has_long_key(ref, key);
    }

    [[nodiscard]] bool has_long_key(EntryRef ref, std::string_view key);
    [[nodiscard]] std::size_t value_bytes(EntryRef ref);
    [[nodiscard]] std::uint32_t allocate(std::uint32_t cells, std::uint32_t& last);
    void take_fresh(std::uint32_t first, std::uint32_t count);
    void unlink_hash(EntryRef ref);
    void unlink_lru(EntryRef ref);
    void push_front(EntryRef ref);
    void note_expiry(Millis expires);
    void overwrite_first_cell(char* to, std::string_view value);
    [[nodiscard]] bool overwrite_chain(EntryRef ref, std::size_t from, std::string_view value);
    void put_payload(EntryRef ref, const NewEntry& what);

    char* base_;
    char* cells_;
    ShardShape shape_;
    std::uint32_t journaled_ = 0;
    bool is_broken_ = false;
};

}  // namespace sluice::shm
