// SPDX-License-Identifier: BSD-2-Clause
// Lane: the layout of one log ring in shared memory. One process writes, one reads; nobody waits.
// Positions count bytes for ever; a position modulo the capacity is a place in the ring.
// Runs in: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::shm {

/// What a record's body is.
enum class RecordType : std::uint8_t { Error = 1, Access = 2 };

/// The 16 bytes before every body. Records are 8-aligned and never wrap around the ring's end; a
/// `length` of kWrapMark there means "go on at the start".
struct RecordHead {
    std::uint32_t length = 0;  ///< bytes of body
    RecordType type{};
    std::uint8_t level = 0;
    std::uint16_t sink = 0;
    std::uint64_t wall_millis = 0;
};

static_assert(sizeof(RecordHead) == 16);

inline constexpr std::uint32_t kWrapMark = 0xffff'ffff;
inline constexpr std::size_t kMaxRecordBytes = 32 * 1024;
/// Longest body of a record; writers cut what is longer.
inline constexpr std::size_t kMaxBodyBytes = kMaxRecordBytes - sizeof(RecordHead);

/// Bytes that a record with a body of `length` occupies.
[[nodiscard]] constexpr std::size_t record_bytes(std::size_t length) {
    return (sizeof(RecordHead) + length + 7) & ~std::size_t{7};
}

/// The shared words of a lane: the writer's line, then the reader's.
struct LaneControl {
    alignas(64) std::atomic<std::uint64_t> head{0};  ///< end of the published records
    std::atomic<std::uint64_t> dropped{0};           ///< records lost because the ring was full
    std::atomic<std::uint64_t> cut{0};               ///< records shortened to kMaxBodyBytes
    alignas(64) std::atomic<std::uint64_t> tail{0};  ///< start of what is not yet drained
    std::atomic<std::uint64_t> resets{0};            ///< times the reader found garbage
    std::atomic<std::uint64_t> told_dropped{0};      ///< how much of each counter was reported;
    std::atomic<std::uint64_t> told_cut{0};          ///< shared, so that a new logger goes on
    std::atomic<std::uint64_t> told_resets{0};       ///< where the old one stopped
};

static_assert(sizeof(LaneControl) == 128);

/// A lane tells for each stretch of this size where the first record in it starts, so that records
/// can be found again after they were drained.
inline constexpr std::size_t kSegmentBytes = 64 * 1024;

/// Position of the first record (or wrap mark) of a segment; stored before the head passes it.
using SegmentStart = std::atomic<std::uint64_t>;

/// Where a lane lies.
/// Lives: as long as the region's mapping.
struct Lane {
    LaneControl* control = nullptr;
    char* bytes = nullptr;
    std::size_t capacity = 0;        ///< a power of two, at least 2 × kMaxRecordBytes
    SegmentStart* starts = nullptr;  ///< capacity / kSegmentBytes words; null: none are kept
};

}  // namespace sluice::shm
