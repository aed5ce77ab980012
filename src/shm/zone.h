// SPDX-License-Identifier: BSD-2-Clause
// Zone: one region of shared memory that all workers read and change: keys with values, expiry and
// an order of use, split into shards with a lock each. The master creates it and keeps its
// descriptor; a zone outlives workers, configurations and, in a binary upgrade, the master.
// ZoneUser is a thread's way to the keys.
// Runs in: any. The master only creates and looks at numbers; it never takes a shard's lock.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "shm/shard_layout.h"
#include "shm/siphash.h"
#include "sys/memory.h"
#include "sys/unique_fd.h"

namespace sluice::shm {

/// What a zone's entries are; one constant beside the code that uses them.
struct ZoneKind {
    std::string_view name;           ///< as administrators see it, at most 23 bytes
    std::uint32_t layout = 1;        ///< raise it when the meaning of keys or values changes
    std::uint32_t cell_bytes = 128;  ///< memory comes in these; a multiple of 64, at least 128; 0: zone_tail.h
    /// Why a file of the entries would mean nothing to the next run; empty: it does (zone_state).
    std::string_view unsaved_because{};
};

struct ZoneSize {
    std::uint64_t bytes = 0;
    std::uint32_t shards = 16;  ///< fewer where a shard would be smaller than kMinShardBytes
    friend bool operator==(const ZoneSize&, const ZoneSize&) = default;
};

inline constexpr std::uint64_t kMinZoneBytes = 32 * 1024;
inline constexpr std::uint64_t kMaxZoneBytes = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kMinShardBytes = 28 * 1024;
inline constexpr std::uint32_t kMaxShards = 256;

/// Counters and sizes of a zone, summed over its shards.
struct ZoneStats {
    std::uint64_t entries = 0;
    std::uint64_t used_bytes = 0;      ///< of cells that hold entries
    std::uint64_t capacity_bytes = 0;  ///< of all cells
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t stores = 0;
    std::uint64_t evictions = 0;  ///< removed to make room
    std::uint64_t expired = 0;    ///< removed because their time was over
    std::uint64_t refusals = 0;   ///< entries too large for a shard
    std::uint64_t repairs = 0;    ///< sections of dead owners that were looked at and undone
    std::uint64_t resets = 0;     ///< shards emptied because they made no sense
    std::uint64_t busy = 0;       ///< times that a lock was not to be had
};

class Zone {
  public:
    /// A new, empty zone; memory is taken from the kernel as it is used.
    /// Fails: EINVAL for sizes that cannot be.
    [[nodiscard]] static Result<Zone> create(const ZoneKind& kind, const ZoneSize& size);
    /// Maps a zone that another process created; takes `fd`.
    /// Fails: EPROTO where it is not of this kind, layout and size.
    [[nodiscard]] static Result<Zone> attach(const ZoneKind& kind,
                                             const ZoneSize& size,
                                             sys::UniqueFd fd);

    [[nodiscard]] int fd() const { return fd_.get(); }

    [[nodiscard]] std::uint32_t shards() const { return shards_; }

    [[nodiscard]] const ShardShape& shape() const { return shape_; }

    [[nodiscard]] char* shard_base(std::uint32_t index) const {
        return static_cast<char*>(mapping_.data()) + kHeaderBytes + index * shape_.bytes;
    }

    [[nodiscard]] const HashKey& hash_key() const { return hash_key_; }

    /// Longest value that a key of that length can have here.
    [[nodiscard]] std::size_t largest_value(std::size_t key_bytes) const;

    /// Reads without locks: each number is whole, their sum is of no single moment.
    [[nodiscard]] ZoneStats stats() const;

  private:
    /// One page, so that each shard begins on one too.
    static constexpr std::size_t kHeaderBytes = 4096;

    Zone(sys::UniqueFd fd, sys::Mapping mapping, const ZoneKind& kind, const ZoneSize& size);

    sys::UniqueFd fd_;
    sys::Mapping mapping_;
    ShardShape shape_;
    std::uint32_t shards_ = 0;
    HashKey hash_key_{};
};

}  // namespace sluice::shm
