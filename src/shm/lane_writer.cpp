// SPDX-License-Identifier: BSD-2-Clause
// Writing a lane. The body is written first and the head store-released after it, so a writer that
// is killed anywhere leaves either the whole record or none of it.
// Runs in: worker, master.
#include "shm/lane_writer.h"

#include <algorithm>
#include <cstring>

namespace sluice::shm {

namespace {

/// One writer: whole words are enough.
void bump(std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

LaneWriter::LaneWriter(const Lane& lane) : lane_(lane) {
    // A predecessor that scribbled over its head may have left it unaligned; the reader rounds
    // down, finds nothing whole and starts again at what we publish.
    head_ = (lane_.control->head.load(std::memory_order_acquire) + 7) & ~std::uint64_t{7};
    known_tail_ = lane_.control->tail.load(std::memory_order_acquire);
    // A start that the predecessor noted in the segment where we go on stays.
    if (const SegmentStart* const noted = start_of(head_); noted != nullptr) {
        const std::uint64_t start = noted->load(std::memory_order_relaxed);
        const bool is_sound = start / kSegmentBytes == head_ / kSegmentBytes && start < head_;
        segment_ = is_sound ? start / kSegmentBytes : UINT64_MAX;
    }
}

SegmentStart* LaneWriter::start_of(std::uint64_t position) const {
    const std::size_t offset = static_cast<std::size_t>(position) & (lane_.capacity - 1);
    return lane_.starts == nullptr ? nullptr : lane_.starts + offset / kSegmentBytes;
}

std::span<char> LaneWriter::reserve(std::size_t size) {
    reserved_ = 0;
    if (size == 0) {
        return {};
    }
    size = std::min(size, kMaxBodyBytes);
    const std::size_t offset = static_cast<std::size_t>(head_) & (lane_.capacity - 1);
    const std::size_t to_end = lane_.capacity - offset;
    const std::size_t needed = record_bytes(size);
    const bool is_wrapping = needed > to_end;
    const std::uint64_t at = is_wrapping ? head_ + to_end : head_;
    if (!has_room(at + needed)) {
        bump(lane_.control->dropped);
        return {};
    }
    if (is_wrapping) {
        note_start(head_);
        std::memcpy(lane_.bytes + offset, &kWrapMark, sizeof kWrapMark);
    }
    at_ = at;
    reserved_ = size;
    const std::size_t start = static_cast<std::size_t>(at) & (lane_.capacity - 1);
    return {lane_.bytes + start + sizeof(RecordHead), size};
}

bool LaneWriter::has_room(std::uint64_t end) {
    // Unsigned differences: a tail that is ahead of us is garbage and reads as "full".
    if (end - known_tail_ <= lane_.capacity) {
        return true;
    }
    known_tail_ = lane_.control->tail.load(std::memory_order_acquire);
    return end - known_tail_ <= lane_.capacity;
}

void LaneWriter::commit(const RecordMeta& meta, std::size_t actual) {
    if (reserved_ == 0) {
        return;
    }
    actual = std::min(actual, reserved_);
    reserved_ = 0;
    const RecordHead head{.length = static_cast<std::uint32_t>(actual),
                          .type = meta.type,
                          .level = meta.level,
                          .sink = meta.sink.value,
                          .wall_millis = static_cast<std::uint64_t>(meta.wall.count())};
    const std::size_t start = static_cast<std::size_t>(at_) & (lane_.capacity - 1);
    std::memcpy(lane_.bytes + start, &head, sizeof head);
    note_start(at_);
    head_ = at_ + record_bytes(actual);
    lane_.control->head.store(head_, std::memory_order_release);
}

/// Records are shorter than a segment, so each segment has a start.
void LaneWriter::note_start(std::uint64_t position) {
    if (position / kSegmentBytes == segment_ || lane_.starts == nullptr) {
        return;
    }
    segment_ = position / kSegmentBytes;
    start_of(position)->store(position, std::memory_order_relaxed);
}

bool LaneWriter::append(const RecordMeta& meta, std::string_view body) {
    const std::span<char> room = reserve(body.size());
    if (room.empty()) {
        return false;
    }
    std::memcpy(room.data(), body.data(), room.size());
    commit(meta, room.size());
    return true;
}

void LaneWriter::count_cut() {
    bump(lane_.control->cut);
}

std::uint64_t LaneWriter::dropped() const {
    return is_open() ? lane_.control->dropped.load(std::memory_order_relaxed) : 0;
}

}  // namespace sluice::shm
