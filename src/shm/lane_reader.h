// SPDX-License-Identifier: BSD-2-Clause
// LaneReader: the reading end of a lane. The writer is a less trusted process, so every length and
// position is checked before it is used; a lane that holds garbage is emptied and counted. The tail
// moves only by advance(), after the records were written out.
// Runs in: logger.
#pragma once

#include <span>

#include "base/units.h"
#include "shm/lane.h"

namespace sluice::shm {

/// One record in the ring.
/// Lives: until advance() passes it.
struct Record {
    RecordType type{};
    std::uint8_t level = 0;
    SinkId sink{};
    Millis wall{};
    std::string_view body;
    std::uint64_t end = 0;  ///< the position behind it, for advance()
};

/// Records that did not come through whole.
struct LaneLosses {
    std::uint64_t dropped = 0;  ///< the ring was full
    std::uint64_t cut = 0;      ///< longer than kMaxBodyBytes
    std::uint64_t resets = 0;   ///< times the lane held garbage and was emptied
};

class LaneReader {
  public:
    LaneReader() = default;
    /// Takes over the reading end, at the published tail.
    explicit LaneReader(const Lane& lane);

    /// The next records that were not yet peeked, in order; gives how many. Does not free them.
    [[nodiscard]] std::size_t peek(std::span<Record> batch);
    /// Frees everything before position `end` (a Record's `end`).
    void advance(std::uint64_t end);

    /// Frees everything that was peeked.
    void advance() { advance(peeked_); }

    /// Forgets what was peeked since the last advance(): peek() gives it again.
    void rewind() { peeked_ = tail_; }

    /// Whether peek() would look at anything.
    [[nodiscard]] bool has_records() const;

    /// Bytes between tail and head that are peeked and not yet freed.
    [[nodiscard]] std::size_t held() const { return static_cast<std::size_t>(peeked_ - tail_); }

    [[nodiscard]] std::size_t capacity() const { return lane_.capacity; }

    /// What was lost since the last call of this or an earlier reader.
    [[nodiscard]] LaneLosses take_losses();

  private:
    enum class Step : std::uint8_t { Taken, Wrapped, Garbage };

    [[nodiscard]] std::uint64_t published_head() const;
    [[nodiscard]] Step step(std::uint64_t head, Record& out);
    void reset_to(std::uint64_t head);

    Lane lane_;
    std::uint64_t tail_ = 0;    ///< ours; the shared word is only a copy for the writer
    std::uint64_t peeked_ = 0;  ///< where the next peek() starts
};

}  // namespace sluice::shm
