// SPDX-License-Identifier: BSD-2-Clause
// The bytes of one shard: head, journal, hash table, cells. Everything that names a place is a
// number of a cell (from 1; 0 is none), never a pointer.
// Runs in: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::shm {

/// Old values of the words that the section under way has changed; undone when its owner died.
struct JournalEntry {
    std::uint64_t old = 0;
    std::uint32_t word = 0;  ///< from the shard's start, in 8 bytes
    std::uint32_t spare = 0;
};

inline constexpr std::uint32_t kJournalEntries = 96;

struct ShardHead {
    std::uint32_t lock = 0;
    std::uint32_t is_resetting = 0;  ///< a reset was begun and has to be done again
    std::uint64_t busy = 0;          ///< times that somebody gave up waiting; changed without the lock
    alignas(64) std::uint32_t free_head = 0;
    std::uint32_t free_cells = 0;   ///< in the free chain
    std::uint32_t fresh_cells = 0;  ///< cells that were ever used; the others are free too
    std::uint32_t entries = 0;
    std::uint32_t lru_head = 0;  ///< used last
    std::uint32_t lru_tail = 0;
    std::uint64_t version = 0;  ///< given to the next change
    std::uint32_t sweep_at = 0;  ///< next bucket to look for expired entries in
    /// Not 0: some entry was given an expiry since the shard was empty; else nobody need look for any.
    std::uint32_t may_expire = 0;
    // Facts for people; not undone.
    alignas(64) std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t stores = 0;
    std::uint64_t evictions = 0;
    std::uint64_t expired = 0;
    std::uint64_t repairs = 0;
    std::uint64_t resets = 0;
    std::uint64_t refusals = 0;  ///< entries that found no room
    alignas(64) std::uint64_t journal_size = 0;
    JournalEntry journal[kJournalEntries];
};

/// The first cell of an entry. Its payload, key then value (each 8-aligned), begins behind this and
/// goes on at kChainBytes of each further cell. A free cell uses `next_cell` only.
struct EntryHead {
    std::uint32_t next_cell = 0;
    std::uint32_t last_cell = 0;
    std::uint32_t hash_next = 0;
    std::uint32_t hash = 0;
    std::uint32_t lru_prev = 0;
    std::uint32_t lru_next = 0;
    std::uint32_t value_bytes = 0;
    std::uint16_t key_bytes = 0;
    std::uint16_t spare = 0;
    std::uint32_t cells = 0;
    std::uint32_t spare2 = 0;
    std::uint64_t version = 0;
    std::int64_t expires = 0;  ///< monotonic milliseconds; 0: never
};

static_assert(sizeof(EntryHead) == 56);

/// Bytes of a further cell before its payload.
inline constexpr std::size_t kChainBytes = 8;

/// Where things are in a shard; computed by each process from the zone's size, never read from it.
struct ShardShape {
    std::size_t bytes = 0;
    std::uint32_t cell_bytes = 0;
    std::uint32_t cells = 0;
    std::uint32_t buckets = 0;  ///< a power of two

    [[nodiscard]] static constexpr std::size_t buckets_at() { return sizeof(ShardHead); }

    [[nodiscard]] constexpr std::size_t cells_at() const {
        return (buckets_at() + std::size_t{4} * buckets + 63) & ~std::size_t{63};
    }

    /// No entry takes more, so that there is always something else to evict.
    [[nodiscard]] constexpr std::uint32_t largest_entry() const { return cells / 4; }
};

[[nodiscard]] constexpr std::size_t aligned_key_bytes(std::size_t key) {
    return (key + 7) & ~std::size_t{7};
}

}  // namespace sluice::shm
