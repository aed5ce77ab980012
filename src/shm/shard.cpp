// SPDX-License-Identifier: BSD-2-Clause
// A shard's journal, cells and entries.
// Runs in: any.
#include "shm/shard.h"

#include "base/bug.h"

namespace sluice::shm {

namespace {

/// The compiler must not move a change before its journal entry. The processor's order does not
/// matter: whoever repairs runs after the kernel has ended the owner.
void keep_order() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

// ---- journal ----

void Shard::note(void* place) {
    BUG_UNLESS(journaled_ < kJournalEntries, "a section of a shard changes too many words");
    const auto offset = static_cast<std::size_t>(static_cast<char*>(place) - base_) / 8;
    JournalEntry& entry = head().journal[journaled_];
    entry.old = *at<std::uint64_t>(offset * 8);
    entry.word = static_cast<std::uint32_t>(offset);
    keep_order();
    std::atomic_ref(head().journal_size).store(++journaled_, std::memory_order_relaxed);
    keep_order();
}

template <class Int>
void Shard::set(Int& place, Int value) {
    note(&place);
    std::atomic_ref(place).store(value, std::memory_order_relaxed);
}

void Shard::commit_changes() {
    if (is_broken_) {
        return reset();
    }
    keep_order();
    std::atomic_ref(head().journal_size).store(0, std::memory_order_relaxed);
    journaled_ = 0;
}

void Shard::repair() {
    ShardHead& shard = head();
    count(shard.repairs);
    const std::uint64_t size = shard.journal_size;
    if (shard.is_resetting != 0 || size > kJournalEntries) {
        return reset();
    }
    const std::size_t first = offsetof(ShardHead, free_head) / 8;
    for (std::uint64_t i = size; i-- > 0;) {
        const JournalEntry entry = shard.journal[i];
        if (entry.word < first || std::size_t{entry.word} * 8 + 8 > shape_.bytes) {
            return reset();
        }
        std::atomic_ref(*at<std::uint64_t>(std::size_t{entry.word} * 8))
            .store(entry.old, std::memory_order_relaxed);
    }
    // Only now: if we die before, the next one undoes the same again.
    commit_changes();
}

void Shard::clear() {
    ShardHead& shard = head();
    std::atomic_ref(shard.is_resetting).store(1, std::memory_order_relaxed);
    keep_order();
    shard.free_head = 0;
    shard.free_cells = 0;
    shard.fresh_cells = 0;
    shard.entries = 0;
    shard.lru_head = 0;
    shard.lru_tail = 0;
    shard.sweep_at = 0;
    shard.may_expire = 0;
    std::memset(base_ + ShardShape::buckets_at(), 0, std::size_t{4} * shape_.buckets);
    shard.journal_size = 0;
    keep_order();
    std::atomic_ref(shard.is_resetting).store(0, std::memory_order_relaxed);
    journaled_ = 0;
    is_broken_ = false;
}

// ---- payload ----

/// Calls `fn(char*, size)` for each contiguous piece of `size` bytes of payload behind `from`.
template <class Fn>
bool Shard::walk(EntryRef ref, std::size_t from, std::size_t size, Fn fn) {
    std::uint32_t cell = ref;
    std::size_t skipped = sizeof(EntryHead);
    while (size > 0) {
        const std::size_t room = shape_.cell_bytes - skipped;
        if (from < room) {
            const std::size_t run = std::min(size, room - from);
            fn(cell_at(cell) + skipped + from, run);
            size -= run;
            from = 0;
        } else {
            from -= room;
        }
        if (size == 0) {
            break;
        }
        cell = checked(entry_at(cell)->next_cell);
        if (cell == 0) {
            is_broken_ = true;
            return false;
        }
        skipped = kChainBytes;
    }
    return true;
}

/// The value's size, at most what the shard could hold.
std::size_t Shard::value_bytes(EntryRef ref) {
    const std::size_t size = entry_at(ref)->value_bytes;
    if (size > shape_.bytes) {
        is_broken_ = true;
        return 0;
    }
    return size;
}

bool Shard::read_value(EntryRef ref, std::span<char> out) {
    if (out.size() > value_bytes(ref)) {
        is_broken_ = true;
        return false;
    }
    char* to = out.data();
    const std::size_t from = aligned_key_bytes(entry_at(ref)->key_bytes);
    if (from + out.size() <= first_room()) [[likely]] {
        std::copy_n(payload_at(ref) + from, out.size(), to);
        return true;
    }
    return walk(ref, from, out.size(),
                [&](const char* piece, std::size_t size) {
                    std::memcpy(to, piece, size);
                    to += size;
                });
}

bool Shard::read_key(EntryRef ref, std::span<char> out) {
    char* to = out.data();
    return walk(ref, 0, out.size(), [&](const char* from, std::size_t size) {
        std::memcpy(to, from, size);
        to += size;
    });
}

bool Shard::has_long_key(EntryRef ref, std::string_view key) {
    bool is_same = true;
    return walk(ref, 0, key.size(),
                [&](const char* from, std::size_t size) {
                    is_same = is_same && std::memcmp(from, key.data(), size) == 0;
                    key.remove_prefix(size);
                }) &&
           is_same;
}

void Shard::put_payload(EntryRef ref, const NewEntry& what) {
    // The cells are ours and long enough: allocate() has just chained them.
    std::string_view left = what.key;
    const auto put = [&](char* to, std::size_t size) {
        std::memcpy(to, left.data(), size);
        left.remove_prefix(size);
    };
    static_cast<void>(walk(ref, 0, what.key.size(), put));
    std::size_t at = aligned_key_bytes(what.key.size());
    for (const std::string_view part : {what.value_head, what.value}) {
        left = part;
        static_cast<void>(walk(ref, at, part.size(), put));
        at += part.size();
    }
}

std::uint32_t Shard::cells_for(std::size_t key, std::size_t value) const {
    const std::size_t payload = aligned_key_bytes(key) + value;
    const std::size_t first = shape_.cell_bytes - sizeof(EntryHead);
    if (payload <= first) {
        return 1;
    }
    const std::size_t each = shape_.cell_bytes - kChainBytes;
    const std::size_t cells = 1 + (payload - first + each - 1) / each;
    return static_cast<std::uint32_t>(std::min<std::size_t>(cells, UINT32_MAX));
}

// ---- finding ----

EntryRef Shard::find(std::uint64_t hash, std::string_view key) {
    const auto short_hash = static_cast<std::uint32_t>(hash);
    EntryRef ref = checked(bucket_of(hash));
    // A chain longer than the entries has a loop in it.
    for (std::uint32_t steps = 0; ref != 0; ++steps) {
        if (steps > shape_.cells) {
            is_broken_ = true;
            return 0;
        }
        if (entry_at(ref)->hash == short_hash && has_key(ref, key)) {
            return ref;
        }
        ref = checked(entry_at(ref)->hash_next);
    }
    return 0;
}

EntryRef Shard::first_in(std::uint32_t bucket) const {
    const EntryRef ref = bucket_of(bucket);
    return ref != 0 && is_cell(ref) ? ref : 0;
}

EntryRef Shard::after(EntryRef ref) {
    return checked(entry_at(ref)->hash_next);
}

// ---- lists ----

void Shard::unlink_hash(EntryRef ref) {
    std::uint32_t* link = &bucket_of(entry_at(ref)->hash);
    for (std::uint32_t steps = 0; *link != ref; ++steps) {
        const EntryRef next = checked(*link);
        if (next == 0 || steps > shape_.cells) {
            is_broken_ = true;
            return;
        }
        link = &entry_at(next)->hash_next;
    }
    set(*link, entry_at(ref)->hash_next);
}

void Shard::unlink_lru(EntryRef ref) {
    const EntryRef prev = checked(entry_at(ref)->lru_prev);
    const EntryRef next = checked(entry_at(ref)->lru_next);
    std::uint32_t& to_here = prev != 0 ? entry_at(prev)->lru_next : head().lru_head;
    std::uint32_t& from_here = next != 0 ? entry_at(next)->lru_prev : head().lru_tail;
    if (is_broken_ || to_here != ref || from_here != ref) {
        is_broken_ = true;
        return;
    }
    set(to_here, next);
    set(from_here, prev);
}

void Shard::push_front(EntryRef ref) {
    const EntryRef first = checked(head().lru_head);
    set(entry_at(ref)->lru_next, first);
    set(entry_at(ref)->lru_prev, std::uint32_t{0});
    set(first != 0 ? entry_at(first)->lru_prev : head().lru_tail, ref);
    set(head().lru_head, ref);
}

void Shard::move_to_front(EntryRef ref) {
    unlink_lru(ref);
    if (!is_broken_) {
        push_front(ref);
    }
}

// ---- cells ----

/// Chains `count` never used cells from `first` on.
void Shard::take_fresh(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        entry_at(first + i)->next_cell = i + 1 < count ? first + i + 1 : 0;
    }
    set(head().fresh_cells, head().fresh_cells + count);
}

/// A chain of `cells` cells: from the free chain first, then fresh ones. 0 where there are not
/// enough. Their contents may be written at once: undoing makes them free again.
std::uint32_t Shard::allocate(std::uint32_t cells, std::uint32_t& last) {
    ShardHead& shard = head();
    const std::uint32_t fresh = shard.fresh_cells;
    const std::uint32_t reused = std::min(shard.free_cells, cells);
    if (fresh > shape_.cells) {
        is_broken_ = true;
        return 0;
    }
    if (cells - reused > shape_.cells - fresh) {
        return 0;
    }
    const std::uint32_t first_fresh = fresh + 1;
    const std::uint32_t fresh_count = cells - reused;
    if (fresh_count > 0) {
        take_fresh(first_fresh, fresh_count);
        last = fresh + fresh_count;
    }
    if (reused == 0) {
        return first_fresh;
    }
    const std::uint32_t first = checked(shard.free_head);
    std::uint32_t end = first;
    for (std::uint32_t i = 1; i < reused && end != 0; ++i) {
        end = checked(entry_at(end)->next_cell);
    }
    if (end == 0) {
        is_broken_ = true;
        return 0;
    }
    set(shard.free_head, entry_at(end)->next_cell);
    set(shard.free_cells, shard.free_cells - reused);
    set(entry_at(end)->next_cell, fresh_count > 0 ? first_fresh : std::uint32_t{0});
    if (fresh_count == 0) {
        last = end;
    }
    return first;
}

// ---- entries ----

void Shard::remove(EntryRef ref) {
    const EntryHead& gone = *entry_at(ref);
    const std::uint32_t last = checked(gone.last_cell);
    if (last == 0 || gone.cells > shape_.cells) {
        is_broken_ = true;
        return;
    }
    unlink_hash(ref);
    unlink_lru(ref);
    if (is_broken_) {
        return;
    }
    ShardHead& shard = head();
    set(entry_at(last)->next_cell, shard.free_head);
    set(shard.free_head, ref);
    set(shard.free_cells, shard.free_cells + gone.cells);
    set(shard.entries, shard.entries - 1);
}

EntryRef Shard::insert(const NewEntry& what) {
    const std::size_t value_size = what.value_head.size() + what.value.size();
    const std::uint32_t cells = cells_for(what.key.size(), value_size);
    std::uint32_t last = 0;
    const EntryRef ref = allocate(cells, last);
    if (ref == 0 || is_broken_) {
        return 0;
    }
    ShardHead& shard = head();
    // Not through the journal: nobody reads these before the entry is linked. next_cell, which the
    // free chain needs if this is undone, is left alone.
    EntryHead& fresh = *entry_at(ref);
    fresh.last_cell = last;
    fresh.hash_next = bucket_of(what.hash);
    fresh.hash = static_cast<std::uint32_t>(what.hash);
    fresh.value_bytes = static_cast<std::uint32_t>(value_size);
    fresh.key_bytes = static_cast<std::uint16_t>(what.key.size());
    fresh.cells = cells;
    fresh.version = what.version != 0 ? what.version : shard.version + 1;
    fresh.expires = what.expires.count();
    note_expiry(what.expires);
    put_payload(ref, what);
    if (what.version == 0) {
        set(shard.version, shard.version + 1);
    }
    set(bucket_of(what.hash), ref);
    push_front(ref);
    set(shard.entries, shard.entries + 1);
    count(shard.stores);
    return ref;
}

/// Where the value lies in the first cell and is too short to fill the journal.
void Shard::overwrite_first_cell(char* to, std::string_view value) {
    for (std::size_t i = 0; i < value.size(); i += 8) {
        const std::size_t run = std::min<std::size_t>(8, value.size() - i);
        if (std::memcmp(to + i, value.data() + i, run) != 0) {
            note(to + i);
            std::memcpy(to + i, value.data() + i, run);
        }
    }
}

bool Shard::overwrite_chain(EntryRef ref, std::size_t from, std::string_view value) {
    std::size_t changed = 0;
    std::string_view left = value;
    // Pieces begin at multiples of 8 and, but for the last, are such multiples long.
    const auto each_word = [&](char* to, std::size_t size, auto act) {
        for (std::size_t i = 0; i < size; i += 8) {
            const std::size_t run = std::min<std::size_t>(8, size - i);
            if (std::memcmp(to + i, left.data() + i, run) != 0) {
                act(to + i, left.data() + i, run);
            }
        }
        left.remove_prefix(size);
    };
    const bool is_whole = walk(ref, from, value.size(), [&](char* to, std::size_t size) {
        each_word(to, size, [&](char*, const char*, std::size_t) { ++changed; });
    });
    if (!is_whole || changed > kInPlaceWords) {
        return false;
    }
    left = value;
    static_cast<void>(walk(ref, from, value.size(), [&](char* to, std::size_t size) {
        each_word(to, size, [&](char* word, const char* bytes, std::size_t run) {
            note(word);
            std::memcpy(word, bytes, run);
        });
    }));
    return true;
}

bool Shard::overwrite(EntryRef ref, std::string_view value, Millis expires) {
    const std::size_t from = aligned_key_bytes(entry_at(ref)->key_bytes);
    if (from + value.size() <= first_room() && value.size() <= 8 * kInPlaceWords) [[likely]] {
        overwrite_first_cell(payload_at(ref) + from, value);
    } else if (!overwrite_chain(ref, from, value)) {
        return false;
    }
    set_expiry(ref, expires);
    touch(ref);
    count(head().stores);
    return true;
}

void Shard::set_expiry(EntryRef ref, Millis expires) {
    ShardHead& shard = head();
    set(shard.version, shard.version + 1);
    set(entry_at(ref)->version, shard.version);
    if (entry_at(ref)->expires != expires.count()) {
        note_expiry(expires);
        set(entry_at(ref)->expires, std::int64_t{expires.count()});
    }
}

bool Shard::make_room(std::uint32_t cells, EntryRef keep) {
    ShardHead& shard = head();
    const auto free_cells = [&] {
        return std::uint64_t{shard.free_cells} + shape_.cells -
               std::min(shard.fresh_cells, shape_.cells);
    };
    while (free_cells() < cells && !is_broken_) {
        const EntryRef oldest = checked(shard.lru_tail);
        if (oldest == 0 || oldest == keep) {
            return false;
        }
        remove(oldest);
        count(shard.evictions);
        commit();
    }
    return !is_broken_;
}

/// Before the expiry itself; undoing that leaves this as it is, which costs a few looks.
void Shard::note_expiry(Millis expires) {
    if (expires.count() != 0) {
        std::atomic_ref(head().may_expire).store(1, std::memory_order_relaxed);
    }
}

void Shard::sweep_buckets(Millis now, std::uint32_t buckets) {
    ShardHead& shard = head();
    for (std::uint32_t i = 0; i < buckets && !is_broken_; ++i) {
        const std::uint32_t bucket = shard.sweep_at & (shape_.buckets - 1);
        shard.sweep_at = bucket + 1;
        EntryRef ref = checked(bucket_of(bucket));
        for (std::uint32_t steps = 0; ref != 0 && steps <= shape_.cells; ++steps) {
            const EntryRef next = checked(entry_at(ref)->hash_next);
            if (has_expired(*entry_at(ref), now)) {
                remove(ref);
                count(shard.expired);
                const bool was_broken = is_broken_;
                commit();
                if (was_broken) {
                    return;
                }
            }
            ref = next;
        }
    }
    // The next sweep's entries, which nobody else has any reason to have in the processor's cache.
    for (std::uint32_t i = 0; i < buckets; ++i) {
        const EntryRef next = bucket_of((shard.sweep_at + i) & (shape_.buckets - 1));
        if (is_cell(next)) {
            __builtin_prefetch(entry_at(next));
        }
    }
}

}  // namespace sluice::shm
