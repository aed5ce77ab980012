// SPDX-License-Identifier: BSD-2-Clause
// Reading a lane whose writer may be dead, or hostile.
// Runs in: logger.
#include "shm/lane_reader.h"

#include <cstring>

namespace sluice::shm {

namespace {

using Counter = std::atomic<std::uint64_t>;

/// How far `counter` has passed `told`. The counter is another process's word: where it stepped
/// back nothing was lost.
std::uint64_t take_growth(const Counter& counter, Counter& told) {
    const std::uint64_t now = counter.load(std::memory_order_relaxed);
    const std::uint64_t before = told.load(std::memory_order_relaxed);
    if (now != before) {
        told.store(now, std::memory_order_relaxed);
    }
    return now > before ? now - before : 0;
}

}  // namespace

LaneReader::LaneReader(const Lane& lane) : lane_(lane) {
    tail_ = lane_.control->tail.load(std::memory_order_acquire) & ~std::uint64_t{7};
    peeked_ = tail_;
}

std::uint64_t LaneReader::published_head() const {
    return lane_.control->head.load(std::memory_order_acquire) & ~std::uint64_t{7};
}

bool LaneReader::has_records() const {
    return published_head() != peeked_;
}

std::size_t LaneReader::peek(std::span<Record> batch) {
    const std::uint64_t head = published_head();
    if (head - tail_ > lane_.capacity || head - peeked_ > head - tail_) {
        reset_to(head);
        return 0;
    }
    std::size_t count = 0;
    while (count < batch.size() && peeked_ != head) {
        const Step done = step(head, batch[count]);
        if (done == Step::Garbage) {
            // What was found before it is sound; the next call meets the garbage first.
            if (count == 0) {
                reset_to(head);
            }
            break;
        }
        count += done == Step::Taken ? 1 : 0;
    }
    return count;
}

LaneReader::Step LaneReader::step(std::uint64_t head, Record& out) {
    const std::size_t offset = static_cast<std::size_t>(peeked_) & (lane_.capacity - 1);
    const std::size_t to_end = lane_.capacity - offset;
    const std::uint64_t published = head - peeked_;
    std::uint32_t length = 0;
    std::memcpy(&length, lane_.bytes + offset, sizeof length);
    if (length == kWrapMark) {
        if (to_end > published) {
            return Step::Garbage;
        }
        peeked_ += to_end;
        return Step::Wrapped;
    }
    // The length is judged once, from our own copy: the writer could change the shared one.
    const std::size_t needed = record_bytes(length);
    if (length > kMaxBodyBytes || needed > to_end || needed > published) {
        return Step::Garbage;
    }
    RecordHead fields;
    std::memcpy(&fields, lane_.bytes + offset, sizeof fields);
    peeked_ += needed;
    out = {.type = fields.type,
           .level = fields.level,
           .sink = SinkId{fields.sink},
           .wall = Millis(static_cast<std::int64_t>(fields.wall_millis)),
           .body = {lane_.bytes + offset + sizeof(RecordHead), length},
           .end = peeked_};
    return Step::Taken;
}

void LaneReader::advance(std::uint64_t end) {
    // Positions outside what was peeked come from before a reset; the reset freed them.
    if (end - tail_ > peeked_ - tail_) {
        return;
    }
    tail_ = end;
    lane_.control->tail.store(tail_, std::memory_order_release);
}

void LaneReader::reset_to(std::uint64_t head) {
    tail_ = peeked_ = head;
    auto& resets = lane_.control->resets;
    resets.store(resets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    lane_.control->tail.store(tail_, std::memory_order_release);
}

LaneLosses LaneReader::take_losses() {
    LaneControl& control = *lane_.control;
    return {.dropped = take_growth(control.dropped, control.told_dropped),
            .cut = take_growth(control.cut, control.told_cut),
            .resets = take_growth(control.resets, control.told_resets)};
}

}  // namespace sluice::shm
