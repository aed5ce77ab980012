// SPDX-License-Identifier: BSD-2-Clause
// Reading the past of a lane. The writer is at work on at most kAheadBytes behind the published
// head (a wrap and one reservation), so with head H everything from H + kAheadBytes - capacity on is
// as it was. Positions only grow: the check after the copy covers all that happened during it.
// Runs in: any (the command line).
#include "shm/lane_history.h"

#include <algorithm>
#include <cstring>

namespace sluice::shm {

namespace {

constexpr std::uint64_t kAheadBytes = 2 * kMaxRecordBytes;

}  // namespace

std::uint64_t LaneHistory::published_head() const {
    return lane_.control->head.load(std::memory_order_acquire) & ~std::uint64_t{7};
}

std::uint64_t LaneHistory::oldest_sound(std::uint64_t head) const {
    const std::uint64_t end = head + kAheadBytes;
    return end > lane_.capacity ? end - lane_.capacity : 0;
}

/// The first record's position in [from, head) that the writer has noted, or `head`.
std::uint64_t LaneHistory::first_start(std::uint64_t from, std::uint64_t head) const {
    std::uint64_t best = head;
    const std::size_t segments = lane_.starts == nullptr ? 0 : lane_.capacity / kSegmentBytes;
    for (std::size_t i = 0; i < segments; ++i) {
        const std::uint64_t start = lane_.starts[i].load(std::memory_order_relaxed);
        const bool is_of_segment =
            (start & (lane_.capacity - 1)) / kSegmentBytes == i && start % 8 == 0;
        if (is_of_segment && start >= from && start < best) {
            best = start;
        }
    }
    return best;
}

void LaneHistory::copy(std::uint64_t from, std::uint64_t head) {
    const std::size_t size = static_cast<std::size_t>(head - from);
    const std::size_t offset = static_cast<std::size_t>(from) & (lane_.capacity - 1);
    const std::size_t first = std::min(size, lane_.capacity - offset);
    bytes_.resize(size);
    std::memcpy(bytes_.data(), lane_.bytes + offset, first);
    std::memcpy(bytes_.data() + first, lane_.bytes, size - first);
}

void LaneHistory::parse(std::uint64_t copied_from,
                        std::uint64_t from,
                        std::uint64_t head,
                        std::vector<PastRecord>& out) const {
    while (head - from >= sizeof(RecordHead)) {
        const char* const at = bytes_.data() + (from - copied_from);
        RecordHead fields;
        std::memcpy(&fields, at, sizeof fields);
        const std::uint64_t to_end = lane_.capacity - (from & (lane_.capacity - 1));
        if (fields.length == kWrapMark) {
            if (to_end > head - from) {
                return;
            }
            from += to_end;
            continue;
        }
        const std::size_t needed = record_bytes(fields.length);
        if (fields.length > kMaxBodyBytes || needed > to_end || needed > head - from) {
            return;  // a writer that died in a way that nobody thought of
        }
        out.push_back({.type = fields.type,
                       .level = fields.level,
                       .sink = SinkId{fields.sink},
                       .wall = Millis(static_cast<std::int64_t>(fields.wall_millis)),
                       .body = {at + sizeof fields, fields.length}});
        from += needed;
    }
}

bool LaneHistory::read(std::vector<PastRecord>& out) {
    const std::uint64_t head = published_head();
    if (head == position_) {
        return true;
    }
    std::uint64_t from = position_;
    const bool is_behind = !has_read_ || from > head || from < oldest_sound(head);
    if (is_behind) {
        from = first_start(oldest_sound(head), head);
    }
    if (head - from > lane_.capacity) {
        from = head;  // a head that no writer published
    }
    copy(from, head);
    // The copy is over before the head is asked again (the reader's half of a sequence lock).
    std::atomic_thread_fence(std::memory_order_acquire);
    const std::uint64_t sound = oldest_sound(published_head());
    const bool is_late = from < sound;
    parse(from, is_late ? std::min(first_start(sound, head), head) : from, head, out);
    const bool is_complete = !has_read_ || (!is_behind && !is_late);
    position_ = head;
    has_read_ = true;
    return is_complete;
}

}  // namespace sluice::shm
