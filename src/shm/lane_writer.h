// SPDX-License-Identifier: BSD-2-Clause
// LaneWriter: the writing end of a lane. It never waits: a record that finds no room is dropped and
// counted. A process that takes a lane over goes on at the published head, so whatever its
// predecessor had half written is overwritten and was never visible.
// Runs in: worker, master.
#pragma once

#include <span>

#include "base/units.h"
#include "shm/lane.h"

namespace sluice::shm {

/// The fields of a record that its writer chooses.
struct RecordMeta {
    RecordType type{};
    std::uint8_t level = 0;
    SinkId sink{};
    Millis wall{};
};

class LaneWriter {
  public:
    LaneWriter() = default;
    /// Takes over the writing end. At most one writer per lane at a time.
    explicit LaneWriter(const Lane& lane);

    /// Room for a body of `size` bytes, at most kMaxBodyBytes. Nothing is visible before commit();
    /// the next reserve() forgets an uncommitted one.
    /// Fails: an empty span where the ring is full (counted as dropped) or `size` is 0.
    [[nodiscard]] std::span<char> reserve(std::size_t size);
    /// Publishes the first `actual` bytes of the last reservation.
    void commit(const RecordMeta& meta, std::size_t actual);
    /// reserve, copy and commit. False where the record was dropped.
    bool append(const RecordMeta& meta, std::string_view body);
    /// Counts a record that its writer had to shorten.
    void count_cut();

    [[nodiscard]] bool is_open() const { return lane_.control != nullptr; }

    [[nodiscard]] std::uint64_t dropped() const;

    /// End of what was published.
    [[nodiscard]] std::uint64_t head() const { return head_; }

    /// Everything before it the reader has dealt with.
    [[nodiscard]] std::uint64_t tail() const {
        return lane_.control->tail.load(std::memory_order_acquire);
    }

    /// Whether the reader has dealt with everything before `position`, an earlier head().
    [[nodiscard]] bool has_passed(std::uint64_t position) const {
        return static_cast<std::int64_t>(tail() - position) >= 0;
    }

  private:
    [[nodiscard]] bool has_room(std::uint64_t end);
    [[nodiscard]] SegmentStart* start_of(std::uint64_t position) const;
    void note_start(std::uint64_t position);

    Lane lane_;
    std::uint64_t head_ = 0;        ///< what we published last
    std::uint64_t known_tail_ = 0;  ///< the reader's position when we last looked
    std::uint64_t at_ = 0;          ///< start of the reservation
    std::size_t reserved_ = 0;
    std::uint64_t segment_ = UINT64_MAX;  ///< whose start was noted last
};

}  // namespace sluice::shm
